"""What stands around the training loop: a run's recipe, its callbacks, when to stop, what next.

The loop itself is `../train.py`, and `../checkpoint.py` saves and resumes a run. Read `recipe.py`
for what decides a run, `callbacks.py` for who looks on, `stopping_criteria.py` for when it is over;
then `overfitting.py` and `rate_finding.py` for what to try before a run, `advice.py` and
`search.py` for what to try after it.
"""
