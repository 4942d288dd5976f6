"""Settings: clausegate.toml of a workspace. Every one has a default and a line of documentation."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from contracts.decode import examine
from contracts.finding import Finding, path_text

FILE = "clausegate.toml"
_ENVIRONMENT = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How one gateway runs. Text values may name environment variables as `${NAME}`; secrets belong there."""

    host: Annotated[str, Meta(description="Address to listen on. Anything but loopback belongs behind TLS.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    base_url: Annotated[
        str,
        Meta(
            description="How partners reach the gateway: OAuth issuer and resource. Empty: http://host:port, or https."
        ),
    ] = ""
    store_url: Annotated[
        str, Meta(description="The state store, a database URL. Empty: SQLite at state/clausegate.db.")
    ] = ""
    redis_url: Annotated[
        str,
        Meta(
            description="Redis or Valkey: limits, replay caches and throttles that nodes share. Empty: in this process."
        ),
    ] = ""
    log_folder: Annotated[str, Meta(min_length=1, description="Where audit segments are written.")] = "log"
    writer: Annotated[
        str,
        Meta(
            pattern=r"^(?!(?:admin|tree|contracts)\Z)[a-z0-9._-]{1,64}\Z",
            description="The gateway's name in the audit log, its own on every node.",
        ),
    ] = "gw-1"
    segment_mib: Annotated[int, Meta(ge=1, le=4096, description="Size of an audit segment, in MiB.")] = 64
    reserve_mib: Annotated[
        int, Meta(ge=1, description="Free disk space, in MiB, below which calls are answered 503.")
    ] = 128
    commit_timeout_ms: Annotated[
        int, Meta(ge=50, le=600_000, description="How long a call waits for the disk before it is answered 503.")
    ] = 5000
    sidecar_folder: Annotated[
        str,
        Meta(
            min_length=1, description="Salts and subject keys behind the log's commitments; erasable, never published."
        ),
    ] = "state/sidecar"
    log_origin: Annotated[
        str,
        Meta(
            pattern=r"^[!-*,-~]{0,200}\Z",
            description="The log's name in checkpoints, such as gateway.example/log. Empty: the host of base_url.",
        ),
    ] = ""
    publish: Annotated[
        str,
        Meta(
            description="Where trees are published: a folder, or s3://bucket/prefix. Empty: tree in the log's folder."
        ),
    ] = ""
    sequence: Annotated[
        Literal["serve", "alone"],
        Meta(description="Who builds the trees: the gateway that serves, or `clausegate sequence` alone."),
    ] = "serve"
    tree_delay_ms: Annotated[
        int, Meta(ge=10, le=3_600_000, description="How far a partner's tree may be behind its records.")
    ] = 1000
    root_delay_ms: Annotated[
        int, Meta(ge=10, le=86_400_000, description="How far the root log may be behind the partners' trees.")
    ] = 10_000
    receipt_due_s: Annotated[
        int, Meta(ge=1, le=604_800, description="The time after which a receipt promises the record in the tree.")
    ] = 60
    witness_policy: Annotated[
        str,
        Meta(description="A C2SP tlog-policy file: witnesses that are asked to cosign, and the quorum. Empty: none."),
    ] = ""
    authentication_rate: Annotated[
        str, Meta(description="Failed client logins allowed per client and source address.")
    ] = "30/minute"
    login_rate: Annotated[str, Meta(description="Console logins allowed per account and source address.")] = "10/minute"
    public_rate: Annotated[
        str,
        Meta(description="Requests allowed per source address for the public log, keys, metadata and problem pages."),
    ] = "6000/minute"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks (CIDR) of proxies whose X-Forwarded-For is believed. Empty: none is."),
    ] = ()
    tls_certificate_file: Annotated[
        str, Meta(description="The gateway's own certificate chain (PEM), to serve https. Empty: plain http.")
    ] = ""
    tls_key_file: Annotated[str, Meta(description="The private key (PEM) of that certificate.")] = ""
    client_ca_file: Annotated[
        str,
        Meta(description="Authorities (PEM) that issue client certificates for tls_client_auth. Empty: none does."),
    ] = ""
    client_crl_files: Annotated[
        tuple[str, ...],
        Meta(description="Their lists of revoked certificates (X.509 CRLs, PEM or DER). Empty: none is looked at."),
    ] = ()
    certificate_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks (CIDR) of proxies whose X-Forwarded-Client-Cert is believed. Empty: none is."),
    ] = ()
    jwks_networks: Annotated[
        tuple[str, ...],
        Meta(description="Private networks (CIDR) that key sets of clients may be fetched from. Empty: public alone."),
    ] = ()
    key_encryption_key: Annotated[
        str,
        Meta(description="Key that encrypts private keys at rest: 32 bytes in base64. Several: the first encrypts."),
    ] = ""
    key_encryption_url: Annotated[
        str,
        Meta(
            description="A key of a Vault-compatible engine to encrypt with instead: https://host/v1/transit/keys/name."
        ),
    ] = ""
    key_encryption_token: Annotated[str, Meta(description="The token for that engine, such as ${VAULT_TOKEN}.")] = ""
    oidc_issuer: Annotated[
        str,
        Meta(description="The company's OpenID Connect provider, for people's logins. Empty: local accounts alone."),
    ] = ""
    oidc_client_id: Annotated[str, Meta(description="What the gateway is called there.")] = ""
    oidc_client_secret: Annotated[str, Meta(description="Its secret there, such as ${OIDC_SECRET}.")] = ""
    oidc_role_claim: Annotated[
        str, Meta(min_length=1, description="The claim of the ID token that names a person's groups.")
    ] = "groups"
    oidc_roles: Annotated[
        tuple[str, ...],
        Meta(description="Which group has which role: group=role, or group=partner-developer:partner."),
    ] = ()
    local_login: Annotated[
        Literal["on", "off"], Meta(description="Whether people may log in with local accounts and passwords.")
    ] = "on"
    otlp_endpoint: Annotated[
        str, Meta(description="OTLP/HTTP endpoint for metrics and traces. Empty: metrics only at /metrics.")
    ] = ""
    trace_ratio: Annotated[
        float, Meta(ge=0.0, le=1.0, description="Share of calls traced, besides those whose caller asks for it.")
    ] = 0.0
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Processes that serve. More than one share counters in redis_url, or in a Valkey of their own.",
        ),
    ] = 1
    limits: Annotated[
        Literal["exact", "leased"],
        Meta(
            description="Shared counters: asked for each call, or by permits leased in batches, which may refuse early."
        ),
    ] = "exact"
    lease_ms: Annotated[
        int, Meta(ge=50, le=60_000, description="The longest that a worker keeps leased permits it has not used.")
    ] = 1000
    quality_interval_ms: Annotated[
        int,
        Meta(ge=10, le=3_600_000, description="Of each plan, at most one body in this time is measured for quality."),
    ] = 1000
    quality_flush_s: Annotated[
        int, Meta(ge=1, le=3600, description="How often the counts of measured bodies are written to the audit log.")
    ] = 30

    webhook_networks: Annotated[
        tuple[str, ...],
        Meta(description="Private networks (CIDR) that webhooks of the hub may go to. Empty: public alone."),
    ] = ()
    partner_webhook_networks: Annotated[
        tuple[str, ...],
        Meta(description="Private networks (CIDR) that webhooks of partners may go to. Empty: public alone."),
    ] = ()
    smtp_url: Annotated[
        str,
        Meta(description="The mail server, such as smtp://user:${MAIL_PASSWORD}@mail.example:587. Empty: no e-mail."),
    ] = ""
    mail_from: Annotated[str, Meta(description="The address that e-mail comes from; needed with smtp_url.")] = ""

    def issuer(self, port: int) -> str:
        """The URL that partners use, without a slash at its end. `port` is the one really listened on."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_certificate_file else 'http'}://{host}:{port}"

    def database_url(self, folder: Path) -> str:
        """The state store's URL, for a workspace at `folder`."""
        return self.store_url or f"sqlite:///{(folder / 'state' / 'clausegate.db').resolve()}"

    def log_path(self, folder: Path) -> Path:
        """The audit log's folder, for a workspace at `folder`."""
        return folder / self.log_folder

    def sidecar_path(self, folder: Path) -> Path:
        """The sidecar's folder, for a workspace at `folder`."""
        return folder / self.sidecar_folder

    def published_at(self, folder: Path) -> str:
        """Where trees are published, for a workspace at `folder`: a path, or an s3 URL as it is set."""
        if "://" in self.publish:
            return self.publish
        return str(folder / self.publish if self.publish else self.log_path(folder) / "tree")


def read_settings(folder: Path, environment: Mapping[str, str] = os.environ) -> Settings | list[Finding]:
    """The workspace's settings; without a file, the defaults. All mistakes are reported."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        return [Finding("bad-setting", f"cannot be read: {type(error).__name__}", FILE, 1)]
    return parse_settings(text, environment)


def parse_settings(text: str, environment: Mapping[str, str]) -> Settings | list[Finding]:
    """Settings from the text of a file, placeholders replaced from `environment`."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        return [Finding("bad-setting", str(error), FILE, int(line[1]) if line else 1)]
    found = []
    for name, value in values.items():
        if isinstance(value, str):
            missing = [variable for variable in _ENVIRONMENT.findall(value) if variable not in environment]
            for variable in missing:
                message = f"the environment variable {variable} is not set"
                found.append(Finding("bad-setting", message, FILE, _line_of(text, name), name))
            values[name] = _ENVIRONMENT.sub(lambda match: environment.get(match[1], ""), value)
    for mistake in examine(values, Settings):
        place = path_text(mistake.path)
        found.append(
            Finding(
                "bad-setting", mistake.message, FILE, _line_of(text, mistake.path[0] if mistake.path else FILE), place
            )
        )
    return found or msgspec.convert(values, Settings)


def line_of(folder: Path, name: str) -> int:
    """The line of the workspace's file that sets `name`; 1 where none does."""
    try:
        return _line_of((folder / FILE).read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError):
        return 1


def _line_of(text: str, name: Any) -> int:
    """The line that sets `name`."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*[\[\"']*{re.escape(str(name))}\b", line):
            return number
    return 1
