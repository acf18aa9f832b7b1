"""Follow what requests cost over the history of commits, with asv.

Knows: asv's configuration, its environments, its benchmarks.
Does not know: how to count, what a step is made of.

    python -m asv --config workshop/history/asv.conf.json run HEAD~5..HEAD
    python -m asv --config workshop/history/asv.conf.json publish
    python -m asv --config workshop/history/asv.conf.json preview

It lives here and not at the top: it is measuring code, and always ours,
whichever commit is measured. Results and pages go to `.asv/`.
"""
