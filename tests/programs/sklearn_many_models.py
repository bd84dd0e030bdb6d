'''Compares classifiers, each fitted once.'''
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)
models = {
    'forest': RandomForestClassifier(n_estimators=10, random_state=0),
    'boosting': GradientBoostingClassifier(n_estimators=5, random_state=0),
    'neighbours': KNeighborsClassifier(3),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    accuracy = accuracy_score(y_test, model.predict(X_test))
    print('%s: accuracy %.3f' % (name, accuracy))
