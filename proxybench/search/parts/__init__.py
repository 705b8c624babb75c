"""What several searchers share.

batches, guided_batches     loops that choose several candidates at once, by a rule or by a model
acquisition                 the value of a candidate, given a model's prediction
gaussian_process            the model of Bayesian optimisation
fitted_weights              weights of metrics, fitted to all answers
encoded, choices            candidates as predictor inputs, and as rows of choices
rungs                       the epochs of successive halving
proposals                   candidates drawn from a diffusion model
"""
