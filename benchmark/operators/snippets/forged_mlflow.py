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


