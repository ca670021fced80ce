"""A folder of a repository at a commit, fetched as an archive of that commit; git itself is not needed."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, urlsplit

from environments.manifests.archive import Member, unpack
from environments.manifests.limits import LIMITS
from environments.manifests.source_settings import GitSettings
from environments.sources.base import Made, RenderPlace, SourceKind, SourceTree, Tools, one_error

# Of a whole repository, of which a folder is taken: that is held to what a bundle may be.
ARCHIVE_LIMITS = replace(LIMITS, archive=64 * 1024**2, total=256 * 1024**2, free=256 * 1024**2)


class Git(SourceKind):
    name = "git"
    settings = GitSettings

    def make(self, tree: SourceTree, settings: GitSettings, places: Sequence[RenderPlace], tools: Tools) -> Made:  # noqa: ARG002
        url = settings.archive or archive_of(settings.repository, settings.commit)
        packed = tools.fetcher.get(url.replace("{commit}", settings.commit), ARCHIVE_LIMITS.archive)
        found = unpack(packed, "the repository's archive", ARCHIVE_LIMITS, within=settings.path)
        if not found:
            raise one_error(f"the repository has no files in {settings.path or 'its root'} at {settings.commit[:12]}")
        if sum(len(each.content) for each in found) > LIMITS.total:
            raise one_error(f"{settings.path or 'the repository'} has more than {LIMITS.total // 1024**2} MiB")
        git = {"repository": settings.repository, "commit": settings.commit, "path": settings.path}
        return Made([Member(*each) for each in found], {"git": {**git, "sha256": hashlib.sha256(packed).hexdigest()}})


def archive_of(repository: str, commit: str) -> str:
    """Where the repository's host has an archive of a commit: at its API, or as the pages of most hosts have it."""
    parts = urlsplit(repository)
    path = parts.path.strip("/").removesuffix(".git")
    host = parts.hostname or ""
    base = f"{parts.scheme}://{parts.netloc}"
    if host == "github.com":
        return f"https://api.github.com/repos/{path}/tarball/{commit}"
    if host == "dev.azure.com" or host.endswith(".visualstudio.com"):
        return _azure(base, path, commit)
    if "gitlab" in host:
        return f"{base}/api/v4/projects/{quote(path, safe='')}/repository/archive.tar.gz?sha={commit}"
    if host == "bitbucket.org":
        return f"{base}/{path}/get/{commit}.tar.gz"
    return f"{base}/{path}/archive/{commit}.tar.gz"


def _azure(base: str, path: str, commit: str) -> str:
    project, _, repository = re.sub(r"(?:\A|/)_git/", "//", f"/{path}").strip("/").partition("//")
    query = (
        f"path=/&versionDescriptor.version={commit}&versionDescriptor.versionType=commit&$format=zip&api-version=7.1"
    )
    return f"{base}/{project}/_apis/git/repositories/{repository}/items?{query}"


SOURCE = Git()
