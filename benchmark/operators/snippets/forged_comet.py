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


