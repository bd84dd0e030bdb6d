from sklearn import datasets, svm
from sklearn.model_selection import GridSearchCV, train_test_split


def main():
    digits = datasets.load_digits(n_class=4)
    X_train, X_test, y_train, y_test = train_test_split(digits.data, digits.target, random_state=0)
    grid = {"C": [1, 10], "gamma": [0.001, 0.01]}
    search = GridSearchCV(svm.SVC(), grid, cv=3)
    search.fit(X_train, y_train)
    print("best parameters:", search.best_params_)
    print("best cross-validated accuracy: %.3f" % search.best_score_)
    print("test accuracy: %.3f" % search.score(X_test, y_test))


if __name__ == "__main__":
    main()
