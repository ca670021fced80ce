"""The engine of work that goes in steps: a rollout, a restore, a recovery. Pure: no database, no clock, no network.

A kind of work is a `Flow`: its phases, its steps, and what it wants done, as operations that it has carried out by its
own `Handlers`. `engine.decide` says what comes next; whoever does it gives the outcomes to `engine.absorb` and asks
again, until there is nothing to do but to wait: `passes.drive` does that for a `Host`, which looks at the world, acts
and saves. A save puts what was found on record by the kind's `Recorders`, in one transaction with the cursor.
"""
