"""The experiment is asked for where it is needed."""

from comet_ml import start


def report(epoch, value):
    experiment.log_metric("error", value, epoch=epoch)


def run():
    value = 10.0
    for epoch in range(5):
        value = value / 2 + 0.1
        print(f"epoch {epoch} error {value:.5f}")
        report(epoch, value)
    return value


experiment = start(project_name="halving")
experiment.log_parameter("factor", 2)
experiment.add_tag("halving")
run()
experiment.end()
