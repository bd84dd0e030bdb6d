"""Which cultivar is a wine of? A pipeline of scaling, components and a linear classifier."""
import optuna
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=42, stratify=y)


def make_pipeline(n_components, C):
    return Pipeline([
        ("scale", StandardScaler()),
        ("reduce", PCA(n_components=n_components)),
        ("classify", LogisticRegression(C=C, max_iter=500)),
    ])


def objective(trial):
    n_components = trial.suggest_int("n_components", 1, 8)
    C = trial.suggest_float("C", 2e-3, 2.0, log=True)
    return cross_val_score(make_pipeline(n_components, C), X_train, y_train, cv=5).mean()


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(objective, n_trials=1)
print("best parameters:", study.best_params)

model = make_pipeline(**study.best_params)
model.fit(X_train, y_train)

y_pred = model.predict(X_test)
accuracy = accuracy_score(y_test, y_pred)
macro_f1 = f1_score(y_test, y_pred, average="macro")
print("test accuracy:", accuracy)
print("test macro F1:", macro_f1)
