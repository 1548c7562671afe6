"""Facts of this machine and of this run: without them a figure means nothing."""

import os
import platform
from importlib.metadata import version
from typing import Any

import psycopg
import redis

from config.benchmark.measurements import Options
from config.local.servers import Servers


def facts(servers: Servers, options: Options) -> dict[str, Any]:
    """Cores, versions, sizes, and how busy the machine was when the run began."""
    with psycopg.connect(servers.postgres.url) as connection:
        postgres = str(connection.info.parameter_status("server_version"))
    with redis.Redis.from_url(servers.valkey.url) as client:
        told: Any = client.info("server")
    packages = ("django", "psycopg", "celery", "redis", "msgspec", "djangorestframework", "gunicorn")
    return {
        "cores": os.cpu_count(),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
        "busy": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgresql": postgres.split()[0],
        "valkey": told.get("valkey_version") or told["redis_version"],
        **{package: version(package) for package in packages},
        "repeat": options.repeat,
        "seconds": options.seconds,
        "log_size": options.log_size,
    }
