"""authentication: how a partner's programs prove who they are, and what their access tokens are bound to."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from msgspec import Meta

from policies.clause import Authentication, Binding, Clause
from policies.direction import Judge, widening
from policies.reference import Words
from policies.wording import joined

Method: TypeAlias = Literal["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "client_secret_basic"]
"""How a client authenticates: `token_endpoint_auth_method` of RFC 7591, RFC 8705 and OpenID Connect."""
Bound: TypeAlias = Literal["none", "dpop", "mtls"]
"""What a token is bound to: nothing, a key by DPoP (RFC 9449), a client certificate (RFC 8705)."""

_METHODS: Mapping[str, Words] = {
    "private_key_jwt": {
        "zh": "以私钥签名的断言（private_key_jwt）",
        "en": "an assertion signed with a private key (private_key_jwt)",
    },
    "tls_client_auth": {
        "zh": "证书机构签发的客户端证书（tls_client_auth）",
        "en": "a client certificate issued by an authority (tls_client_auth)",
    },
    "self_signed_tls_client_auth": {
        "zh": "已登记的自签名客户端证书（self_signed_tls_client_auth）",
        "en": "a registered client certificate of its own (self_signed_tls_client_auth)",
    },
    "client_secret_basic": {
        "zh": "双方共有的密钥串（client_secret_basic）",
        "en": "a secret shared with the Hub (client_secret_basic)",
    },
}
_BOUND: Mapping[str, Words] = {
    "none": {"zh": "不绑定", "en": "nothing"},
    "dpop": {
        "zh": "客户端每次证明其持有的密钥（DPoP）",
        "en": "a key that the client proves to hold with each call (DPoP)",
    },
    "mtls": {"zh": "客户端证书（mTLS）", "en": "its client certificate (mTLS)"},
}
ATTAINABLE: Final[Mapping[str, frozenset[str]]] = {
    "private_key_jwt": frozenset({"none", "dpop", "mtls"}),
    "tls_client_auth": frozenset({"dpop", "mtls"}),
    "self_signed_tls_client_auth": frozenset({"dpop", "mtls"}),
    "client_secret_basic": frozenset({"none", "dpop"}),
}
"""What the token of a client that authenticates so can be bound to. Whoever shows a certificate for it gets one that is
bound; a certificate beside a shared secret proves nothing of the client."""


class AuthenticationRule(Clause, frozen=True, forbid_unknown_fields=True, tag="authentication", kw_only=True):
    """The partner's clients authenticate by one of `methods`, and their access tokens are bound to one of `bound_to`.

    A client that authenticates otherwise gets no token for this agreement; a call whose token is bound to something
    else is refused and quotes the clause. Of several clauses in one agreement all have to hold. A method that an
    agreement no longer admits gets no new token; one that was issued before goes on for the five minutes of its life,
    as long as what it is bound to is admitted.
    """

    judges: ClassVar[Mapping[str, Judge]] = {"methods": widening, "bound_to": widening}

    methods: Annotated[tuple[Method, ...], Meta(min_length=1)]
    """How clients may authenticate. Only what is bound to a key or a certificate is fit for a bank;
    `client_secret_basic` is the basic tier."""
    bound_to: Annotated[tuple[Bound, ...], Meta(min_length=1)]
    """What a token may be bound to: `dpop`, `mtls`; `none` admits tokens that are good for whoever holds them."""

    def faults(self) -> list[tuple[str, str]]:
        useless = [method for method in self.methods if not ATTAINABLE[method] & frozenset(self.bound_to)]
        found = [
            ("bound_to", f"a token of {method} is bound to {' or '.join(sorted(ATTAINABLE[method]))}, to none of these")
            for method in useless
        ]
        for name, values in (("methods", self.methods), ("bound_to", self.bound_to)):
            if len(set(values)) < len(values):
                found.append((name, "names one twice"))
        return found

    def words(self) -> dict[str, Words]:
        return {
            "methods": joined(_METHODS[method] for method in self.methods),
            "bound_to": joined(_BOUND[bound] for bound in self.bound_to),
        }

    def effect(self, binding: Binding) -> Authentication:
        return Authentication(binding.clause, frozenset(self.methods), frozenset(self.bound_to))
