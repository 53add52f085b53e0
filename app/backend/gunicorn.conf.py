"""How gunicorn serves the application. Everything can be set by `GUNICORN_CMD_ARGS` too."""

import os
import shutil
import tempfile
from pathlib import Path

# The workers add up their figures in a folder. It must be known before the metrics are imported.
metrics_folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR") or tempfile.mkdtemp(prefix="metrics-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder

wsgi_app = "inventory_app:create_app()"
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", "2"))
worker_class = "gthread"
threads = 4
timeout = 30
graceful_timeout = 20
keepalive = 5
max_requests = 5000
max_requests_jitter = 500
limit_request_line = 4094
limit_request_fields = 50
# Nothing here is steered while it runs, so there is no socket for it.
control_socket_disable = True
# The application writes its own access log, one JSON object a line.
accesslog = None
errorlog = "-"
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(message)s"},
        "timed": {"format": "%(asctime)s %(process)d %(levelname)s %(message)s"},
    },
    "handlers": {
        "answers": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "stream": "ext://sys.stdout",
        },
        "events": {"class": "logging.StreamHandler", "formatter": "timed"},
    },
    "root": {"level": "WARNING", "handlers": ["events"]},
    "loggers": {
        "inventory_app.access_log": {"level": "INFO", "handlers": ["answers"], "propagate": False},
        "gunicorn.error": {"level": "INFO", "handlers": ["events"], "propagate": False},
    },
}


def on_starting(server):
    """Before the workers: empty the folder of figures and create the tables."""
    from inventory_app import load_settings
    from inventory_app.database import create_tables, open_engine

    folder = Path(metrics_folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in folder.glob("*.db"):
        stale.unlink()
    engine = open_engine(load_settings(os.environ).database_url)
    create_tables(engine)
    engine.dispose()


def child_exit(server, worker):
    """Forget the gauges of a worker that is gone."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    """Leave nothing behind."""
    shutil.rmtree(metrics_folder, ignore_errors=True)
