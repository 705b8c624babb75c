"""Compare two predictors.

On the same splits, in pairs: the mean difference of Kendall's tau with its interval and p-value.
"""

import proxybench as pb

if __name__ == "__main__":
    results = pb.evaluate(
        ["ridge", "knn", "gp"], tasks=["trained-nasbench101-predict"], sizes=[50], repeats=4, progress=False
    )
    print(results.compare("ridge", "knn").round(3).to_string(index=False))
    print(results.compare("gp", "ridge").round(3).to_string(index=False))
