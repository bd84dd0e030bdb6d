from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

X, y = load_iris(return_X_y=True)
clf = RandomForestClassifier(n_estimators=20, random_state=0)
scores = cross_val_score(clf, X, y, cv=4)
print("Accuracy: %0.3f (+/- %0.3f)" % (scores.mean(), scores.std()))
