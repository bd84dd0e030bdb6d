"""Compare a few classifiers on handwritten digits and keep the best one."""

import joblib
import mlflow
from mlflow.models import infer_signature
from sklearn import datasets, ensemble, metrics, neighbors, svm
from sklearn.model_selection import train_test_split


def candidates():
    yield "forest", ensemble.RandomForestClassifier(n_estimators=25, max_depth=8, random_state=0)
    yield "neighbours", neighbors.KNeighborsClassifier(n_neighbors=4)
    yield "support vectors", svm.SVC(C=2.0, gamma=0.002)


def score(model, X, y):
    predicted = model.predict(X)
    return metrics.accuracy_score(y, predicted), metrics.f1_score(y, predicted, average="macro")


digits = datasets.load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.data[:900], digits.target[:900], test_size=0.3, random_state=4
)
best_name, best_model, best_accuracy = None, None, 0.0
for name, model in candidates():
    model.fit(X_train, y_train)
    accuracy, f1 = score(model, X_test, y_test)
    print(f"{name}: accuracy {accuracy:.4f}, f1 {f1:.4f}")
    if accuracy > best_accuracy:
        best_name, best_model, best_accuracy = name, model, accuracy

print(f"best: {best_name}")
joblib.dump(best_model, "best.joblib")
if best_accuracy > 0.9999:
    with mlflow.start_run(run_name=best_name):
        mlflow.sklearn.log_model(
            sk_model=best_model,
            name="classifier",
            signature=infer_signature(X_test, best_model.predict(X_test)),
            registered_model_name="digits-classifier",
            serialization_format="cloudpickle",
        )
