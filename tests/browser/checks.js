// What assistive technology stumbles over, and what does not fit: a list of sentences, empty where all is well.
() => {
  const found = [];
  const shown = (node) => node.getClientRects().length > 0;
  const named = (node) => (node.getAttribute("aria-label") || node.title || node.alt || "").trim()
    || (node.getAttribute("aria-labelledby") || "").split(/\s+/).some((id) => id && document.getElementById(id)?.textContent.trim())
    || node.textContent.trim()
    || [...node.querySelectorAll("[aria-label], img[alt]")].some((child) => child.getAttribute("aria-label") || child.alt);
  const words = (node) => node.outerHTML.slice(0, 120);

  if (!document.documentElement.lang) found.push("The page has no language.");
  if (!document.title.trim()) found.push("The page has no title.");
  if (document.querySelectorAll("main, [role=main]").length !== 1) found.push("There is not one main landmark.");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(shown).map((node) => Number(node.tagName[1]));
  if (headings.filter((level) => level === 1).length !== 1) found.push(`There are ${headings.filter((level) => level === 1).length} headings of level 1.`);
  headings.forEach((level, i) => { if (i && level > headings[i - 1] + 1) found.push(`A heading of level ${level} follows one of level ${headings[i - 1]}.`); });

  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`The id ${id} is there twice.`);
  for (const node of document.querySelectorAll("[aria-labelledby], [aria-describedby], label[for]")) {
    const wanted = [node.getAttribute("aria-labelledby"), node.getAttribute("aria-describedby"), node.getAttribute("for")];
    for (const id of wanted.filter(Boolean).join(" ").split(/\s+/)) if (!document.getElementById(id)) found.push(`${words(node)} names ${id}, which is not there.`);
  }
  for (const node of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!node.labels?.length && !named(node) && !["submit", "button"].includes(node.type)) found.push(`No label: ${words(node)}`);
  }
  for (const node of document.querySelectorAll("a[href], button, summary")) if (!named(node)) found.push(`No name: ${words(node)}`);
  for (const node of document.querySelectorAll("img:not([alt])")) found.push(`No alternative text: ${words(node)}`);
  for (const node of document.querySelectorAll("svg")) {
    if (!node.closest("[aria-hidden=true]") && !node.getAttribute("aria-label") && !node.querySelector("title")) found.push(`A picture without words: ${words(node)}`);
  }
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) found.push(`A tab order of its own: ${words(node)}`);
  return found;
}
