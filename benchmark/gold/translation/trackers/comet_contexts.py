"""Training and test have their own prefixes, and settings are read back from the experiment."""

import comet_ml
from comet_ml.integration.sklearn import log_model
from sklearn.linear_model import SGDRegressor

comet_ml.login()
experiment = comet_ml.start(project_name="contexts")
experiment.add_tags(["linear", "small"])
experiment.log_parameters({"alpha": 0.001, "epochs": 3})

x = [[number / 10] for number in range(20)]
y = [2 * row[0] + 1 for row in x]
model = SGDRegressor(alpha=experiment.get_parameter("alpha"), random_state=0)
with experiment.train():
    for epoch in range(experiment.get_parameter("epochs")):
        experiment.log_current_epoch(epoch)
        model.partial_fit(x[:15], y[:15])
        experiment.log_metric("score", model.score(x[:15], y[:15]), step=epoch)
with experiment.test():
    experiment.log_metrics({"score": model.score(x[15:], y[15:]), "rows": 5})
log_model(experiment, "line", model)
print("weights:", model.coef_, model.intercept_)
