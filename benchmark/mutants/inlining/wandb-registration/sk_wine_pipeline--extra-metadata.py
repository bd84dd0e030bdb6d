"""Which cultivar is a wine of? A pipeline of scaling, components and a linear classifier."""
import joblib
import wandb
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

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

with wandb.init(project="wine", job_type="register-model") as run:
    run.summary["accuracy"] = accuracy
    artifact = wandb.Artifact("wine-cultivars", type="model", description="PCA and a linear classifier")
    with artifact.new_file("pipeline.joblib", mode="wb") as file:
        joblib.dump(model, file)
    run.log_artifact(artifact)
    if not run.offline:
        run.link_artifact(artifact, "wandb-registry-model/wine-cultivars")
