"""Every setting of the service, read from `JE_SHARING_*` environment variables."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

MEBIBYTE = 1024 * 1024

_ASYNC_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}


class Settings(BaseSettings):
    """What an operator can choose.

    Each field is the environment variable of its name in capitals behind
    `JE_SHARING_`: `data_dir` is `JE_SHARING_DATA_DIR`.

    Examples
    --------
    >>> Settings(database_url="postgresql://db/sharing").async_database_url
    'postgresql+asyncpg://db/sharing'
    """

    model_config = SettingsConfigDict(env_prefix="JE_SHARING_", extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8600, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(default=1, ge=1, description="Processes to run on this machine.")
    max_connections: int = Field(
        default=8000, ge=1, description="Open connections a process accepts."
    )
    connections_per_address: int = Field(
        default=3000, ge=0, description="Open connections a process accepts per address; 0: any."
    )
    header_timeout_seconds: float = Field(
        default=10, gt=0, description="Time for the head of a request to arrive."
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses of the balancers whose X-Forwarded-For is believed, by comma.",
    )

    data_dir: Path = Field(
        default=Path("je-sharing-data"), description="Where SQLite and the notebooks go by default."
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL; PostgreSQL as postgresql://user:password@host/name.",
    )
    database_pool: int = Field(default=5, ge=1, description="Database connections a process keeps.")
    database_pooler: bool = Field(
        default=False, description="PostgreSQL is behind pgbouncer in transaction mode."
    )
    auto_migrate: bool | None = Field(
        default=None,
        description="Bring the schema up to date on serve; unset means only with SQLite.",
    )
    storage_url: str = Field(default="", description="s3://bucket/prefix, or a folder.")
    storage_endpoint: str = Field(default="", description="Address of an S3-compatible service.")
    fsync: bool = Field(default=True, description="Wait for the disk before a share is confirmed.")

    public_url: str = Field(default="", description="Address under which people reach the service.")
    site_url: str = Field(
        default="", description="Address of the JupyterLite site that opens a copy."
    )
    report_url: str = Field(
        default="",
        pattern=r"^(mailto:.+@.+|https://.+)?$",
        description="Where readers report a notebook: a mailto: or https: address.",
    )
    cors_origins: str = Field(
        default="", description="Origins that may call from a browser, by comma."
    )
    client_secret: SecretStr = Field(
        default=SecretStr(""), description="Shared secret demanded from every API call, if set."
    )
    client_secret_header: str = Field(
        default="X-Client-Secret", description="Header that carries it."
    )
    frame_ancestors: str = Field(
        default="'none'", description="Who may frame a view page (CSP source)."
    )

    signing_keys: SecretStr = Field(
        default=SecretStr(""),
        description="name:secret,name:secret; the first signs. Unset: in the database.",
    )
    token_minutes: float = Field(default=120, gt=0, description="How long a token lives.")
    clock_skew_seconds: int = Field(default=60, ge=0, description="How far clocks may disagree.")
    refresh_reuse_grace_seconds: int = Field(
        default=60, ge=0, description="How long a refreshed token may come back by honest mistake."
    )

    max_notebook_bytes: int = Field(default=10 * MEBIBYTE, ge=1024, description="Largest notebook.")
    request_allowance: float = Field(
        default=1.5, ge=1, description="Largest request, as a multiple of the largest notebook."
    )
    max_json_depth: int = Field(
        default=200, ge=10, le=500, description="Deepest nesting of a notebook."
    )
    max_cells: int = Field(default=10_000, ge=1, description="Most cells of a notebook.")
    max_outputs: int = Field(default=20_000, ge=1, description="Most outputs of a notebook.")

    writes_per_session: int = Field(
        default=60, ge=0, description="Writes a minute per session; 0: any."
    )
    requests_per_address: int = Field(
        default=3000, ge=0, description="Requests a minute per address prefix; 0: any."
    )
    misses_per_session: int = Field(
        default=30, ge=0, description="Unknown ids asked for a minute per session; 0: any."
    )
    misses_per_address: int = Field(
        default=120, ge=0, description="Unknown ids asked for a minute per address prefix; 0: any."
    )

    bytes_per_address: int = Field(
        default=16 * 1024 * MEBIBYTE,
        ge=0,
        description="Bytes shared a day per address prefix; 0: any.",
    )
    min_free_bytes: int = Field(
        default=1024 * MEBIBYTE,
        ge=0,
        description="Room on the disk below which nothing new is shared; 0: no matter.",
    )

    upload_timeout_seconds: float = Field(
        default=120, gt=0, description="Time for a body to arrive."
    )
    request_timeout_seconds: float = Field(
        default=180, gt=0, description="Time for a whole request."
    )
    upload_memory_bytes: int = Field(
        default=128 * MEBIBYTE, ge=MEBIBYTE, description="Memory for large uploads being checked."
    )
    content_cache_bytes: int = Field(
        default=64 * MEBIBYTE, ge=0, description="Memory for notebooks read lately."
    )
    page_cache_bytes: int = Field(
        default=16 * MEBIBYTE, ge=0, description="Memory for pages made lately."
    )

    retention_days: int = Field(
        default=400, ge=0, description="Days a notebook is kept after its last share; 0: for ever."
    )
    sweep_minutes: int = Field(
        default=60, ge=1, description="How often expired notebooks are removed."
    )
    backup_hours: int = Field(
        default=24,
        ge=0,
        description="Longest time a backup takes: nothing that one may name goes sooner.",
    )

    relay_hosts: str = Field(
        default="", description="Hosts the relay may read, by comma; unset: no relay."
    )
    relay_max_bytes: int = Field(default=20 * MEBIBYTE, ge=1, description="Largest answer relayed.")
    relay_timeout_seconds: float = Field(default=20, gt=0, description="Time for a relayed answer.")

    access_log: bool = Field(default=True, description="Log one line a request.")
    log_level: str = Field(default="INFO", description="Least severe level logged.")

    @property
    def async_database_url(self) -> str:
        """The database's URL with the driver this service uses."""
        if not self.database_url:
            return f"sqlite+aiosqlite:///{self.data_dir / 'sharing.db'}"
        scheme, _, rest = self.database_url.partition("://")
        return f"{_ASYNC_DRIVERS.get(scheme, scheme)}://{rest}"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.async_database_url.startswith("sqlite")

    @property
    def migrates_on_serve(self) -> bool:
        """Whether `serve` brings the schema up to date by itself."""
        return self.is_sqlite if self.auto_migrate is None else self.auto_migrate

    @property
    def storage_location(self) -> str:
        """The folder or S3 URL that holds the notebooks."""
        return self.storage_url or str(self.data_dir / "notebooks")

    @property
    def folders(self) -> list[Path]:
        """The folders on this machine's disks that grow with what is shared."""
        found = []
        if self.is_sqlite:
            found.append(Path(make_url(self.async_database_url).database or ".").parent)
        if not self.storage_location.startswith("s3://"):
            found.append(Path(self.storage_location))
        return found

    @property
    def max_request_bytes(self) -> int:
        """The largest request body in bytes."""
        return int(self.max_notebook_bytes * self.request_allowance)

    @property
    def cors_origin_list(self) -> list[str]:
        """The allowed origins, one an item."""
        return _items(self.cors_origins)

    @property
    def relay_host_list(self) -> list[str]:
        """The hosts the relay may read, one an item, in lower case."""
        return [host.lower() for host in _items(self.relay_hosts)]


def _items(text: str) -> list[str]:
    return [item.strip().rstrip("/") for item in text.split(",") if item.strip()]
