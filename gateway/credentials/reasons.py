"""What the words mean that say why a call was refused: for the partner that it was refused to, in both languages.

The caller was told less, so as not to help those who guess; its own partner may know all of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

from gateway.signatures.judging import Reason as SignatureReason
from gateway.signatures.judging import SignatureFault
from gateway.signatures.wording import said
from policies.reference import LANGUAGES, ClauseRef, Language, Words

_OF_SIGNATURES: Final[tuple[SignatureReason, ...]] = get_args(SignatureReason)
_NO_CLAUSE: Final = ClauseRef("", "", "", "", {})


def _words(en: str, zh: str) -> Words:
    return MappingProxyType({"en": en, "zh": zh})


OF_CLIENTS: Mapping[str, Words] = {
    "unknown-client": _words("There is no client of this client_id.", "没有该 client_id 的客户端。"),
    "client-disabled": _words("The client is disabled: ask the hub.", "该客户端已停用：请联系提供方。"),
    "another-method": _words(
        "The client is registered for another authentication method; GET /partner/clients says which.",
        "该客户端登记的是另一种身份验证方式：见 GET /partner/clients。",
    ),
    "no-credentials": _words(
        "The request had no credentials that could be read: Basic, client_assertion, or a client certificate.",
        "请求中没有可读取的凭证：须使用 Basic、client_assertion 或客户端证书。",
    ),
    "secret-wrong": _words(
        "The secret is not one of the client's, or has ended after a rotation.",
        "密钥串不属于该客户端，或已在轮换后失效。",
    ),
    "resource-missing": _words(
        "The token request had no parameter `resource`, or an empty one: send this gateway's address as its metadata "
        "say it (`resource` of /.well-known/oauth-protected-resource).",
        "令牌请求没有 `resource` 参数，或其值为空：请发送本网关的地址，"
        "以元数据所载为准（/.well-known/oauth-protected-resource 的 `resource`）。",
    ),
    "resource-other": _words(
        "The token request's `resource` was not this gateway's address as its metadata say it (`resource` of "
        "/.well-known/oauth-protected-resource): a slash at the end, capital letters and the port count.",
        "令牌请求的 `resource` 与元数据所载的本网关地址不完全一致"
        "（/.well-known/oauth-protected-resource 的 `resource`）：末尾斜杠、字母大小写与端口均须相同。",
    ),
    "keys-unavailable": _words(
        "The client's keys could not be fetched from the URL that it publishes them at.",
        "无法从该客户端登记的网址获取其公钥。",
    ),
    "method-not-admitted": _words(
        "The agreement does not admit the client's authentication method.", "协议不允许该客户端的身份验证方式。"
    ),
    "binding-required": _words(
        "The agreement asks for a token that is bound to a key (DPoP) or a client certificate (mTLS).",
        "协议要求令牌绑定于密钥（DPoP）或客户端证书（mTLS）。",
    ),
    "token-too-large": _words(
        "The token would be larger than 4 KiB: ask for fewer details.", "令牌将超过 4 KiB：请减少所申请的内容。"
    ),
    "throttled": _words(
        "There were too many requests, or too many failures of this client, from this address.",
        "来自该地址的请求过多，或该客户端的失败次数过多。",
    ),
}
OF_ASSERTIONS: Mapping[str, Words] = {
    "assertion-malformed": _words(
        "The client assertion is no signed JWT that can be read (compact JWS, at most 4 KiB, no member twice).",
        "客户端断言不是可读取的已签名 JWT（紧凑 JWS，至多 4 KiB，成员不得重复）。",
    ),
    "assertion-type": _words(
        "The assertion's `typ` is of another kind of JWT: use client-authentication+jwt, JWT, or none.",
        "断言的 `typ` 属于另一种 JWT：请使用 client-authentication+jwt、JWT，或省略。",
    ),
    "assertion-algorithm": _words(
        "The assertion is not signed by PS256, ES256 or EdDSA.", "断言未使用 PS256、ES256 或 EdDSA 签名。"
    ),
    "assertion-key-unknown": _words(
        "The assertion's `kid` is not that of a registered key of the client, or that key has ended.",
        "断言的 `kid` 不是该客户端已登记的公钥，或该公钥已失效。",
    ),
    "assertion-key-ambiguous": _words(
        "The assertion has no `kid`, and the client has several keys for its algorithm: say which one.",
        "断言没有 `kid`，而该客户端有多个适用此算法的公钥：请写明 `kid`。",
    ),
    "assertion-key-algorithm": _words(
        "The client has no such key for the assertion's algorithm.", "该客户端没有适用于断言算法的公钥。"
    ),
    "assertion-signature": _words(
        "The assertion's signature is not by the key that is registered under its `kid`.",
        "断言的签名并非由其 `kid` 所登记的密钥作出。",
    ),
    "assertion-claims": _words(
        "A claim of the assertion is missing or of the wrong type: iss, sub, aud, exp, iat and jti are needed.",
        "断言缺少声明，或声明类型不符：须有 iss、sub、aud、exp、iat 与 jti。",
    ),
    "assertion-issuer": _words(
        "`iss` and `sub` of the assertion both have to be the client_id.", "断言的 `iss` 与 `sub` 均须为 client_id。"
    ),
    "assertion-audience": _words(
        "The assertion's `aud` has to be this gateway's issuer alone, as one string (RFC 10070).",
        "断言的 `aud` 须仅为本网关的 issuer，且为单一字符串（RFC 10070）。",
    ),
    "assertion-jti": _words("The assertion's `jti` has 1 to 128 characters.", "断言的 `jti` 须为 1 至 128 个字符。"),
    "assertion-expired": _words("The assertion has expired: set your clock.", "断言已过期：请校准时钟。"),
    "assertion-early": _words(
        "The assertion's `iat` or `nbf` is in the future: set your clock.", "断言的 `iat` 或 `nbf` 在将来：请校准时钟。"
    ),
    "assertion-lifetime": _words(
        "The assertion's `exp` is more than 5 minutes after its `iat`.", "断言的 `exp` 晚于 `iat` 超过 5 分钟。"
    ),
    "assertion-replayed": _words(
        "The assertion was used before: make a new one, with a new `jti`, for each request.",
        "该断言已使用过：请为每次请求生成带有新 `jti` 的断言。",
    ),
}
OF_CERTIFICATES: Mapping[str, Words] = {
    "certificate-missing": _words("The connection had no client certificate.", "连接未出示客户端证书。"),
    "certificate-wrong": _words(
        "The client certificate is not registered for this client, not issued by a known authority for its subject, "
        "or not of today.",
        "客户端证书未登记于该客户端，或并非由受认可的机构为其主体签发，或不在有效期内。",
    ),
    "certificate-revoked": _words(
        "The client certificate, or one between it and its authority, was revoked by whoever issued it: ask them.",
        "客户端证书或其上级证书已被签发机构吊销：请联系签发机构。",
    ),
    "crl-stale": _words(
        "The list of revoked certificates (CRL) that speaks of the client certificate, or of one between it and its "
        "authority, has ended and was not renewed: ask the hub.",
        "涉及该客户端证书或其上级证书的吊销列表（CRL）已过期且未更新：请联系提供方。",
    ),
    "crl-missing": _words(
        "No list of revoked certificates (CRL) speaks of the client certificate, or of one between it and its "
        "authority: ask the hub.",
        "没有涉及该客户端证书或其上级证书的吊销列表（CRL）：请联系提供方。",
    ),
    "certificate-other": _words(
        "The token is bound to another client certificate than the connection's.",
        "令牌所绑定的证书与连接所出示的客户端证书不同。",
    ),
    "token-not-bound": _words(
        "The token was sent by the scheme DPoP, and is not bound to a DPoP key: send it as Bearer.",
        "令牌以 DPoP 方式发送，但并未绑定 DPoP 密钥：请以 Bearer 方式发送。",
    ),
    "token-needs-proof": _words(
        "The token is bound to a DPoP key and was sent as Bearer: send it as DPoP, with a proof.",
        "令牌已绑定 DPoP 密钥，却以 Bearer 方式发送：请以 DPoP 方式连同证明发送。",
    ),
}
OF_TOKENS: Mapping[str, Words] = {
    "token-expired": _words("The token has expired; it lives five minutes.", "令牌已过期；有效期为五分钟。"),
    "token-audience": _words("The token is for another resource.", "该令牌用于其他资源。"),
    "token-not-yet": _words("The token is not valid yet.", "令牌尚未生效。"),
    "token-revoked": _words(
        "The token, or all tokens of the client, were revoked.", "该令牌或该客户端的全部令牌已被撤销。"
    ),
    "token-key": _words(
        "The key that signed the token is good no longer: get a new token.", "签发该令牌的密钥已失效：请重新获取令牌。"
    ),
}
OF_PROOFS: Mapping[str, Words] = {
    "proof-missing": _words("The request had no DPoP proof.", "请求没有 DPoP 证明。"),
    "proof-repeated": _words("The request had more than one DPoP header.", "请求有多个 DPoP 头。"),
    "proof-too-long": _words("The DPoP proof is larger than 3 KiB.", "DPoP 证明超过 3 KiB。"),
    "proof-malformed": _words("The DPoP proof is no signed JWT that can be read.", "DPoP 证明不是可读取的已签名 JWT。"),
    "proof-type": _words("The DPoP proof's `typ` has to be dpop+jwt.", "DPoP 证明的 `typ` 须为 dpop+jwt。"),
    "proof-key": _words(
        "The DPoP proof's `jwk` has to be a public key that fits its `alg`: PS256, ES256 or EdDSA.",
        "DPoP 证明的 `jwk` 须为与其 `alg` 相符的公钥：PS256、ES256 或 EdDSA。",
    ),
    "proof-signature": _words(
        "The DPoP proof is not signed by the key in its `jwk`.", "DPoP 证明并非由其 `jwk` 中的密钥签名。"
    ),
    "proof-claims": _words(
        "A claim of the DPoP proof is missing or of the wrong type: jti, htm, htu and iat are needed.",
        "DPoP 证明缺少声明，或声明类型不符：须有 jti、htm、htu 与 iat。",
    ),
    "proof-method": _words("The DPoP proof's `htm` is not the request's method.", "DPoP 证明的 `htm` 与请求方法不符。"),
    "proof-target": _words(
        "The DPoP proof's `htu` is not the request's URL as partners reach it.",
        "DPoP 证明的 `htu` 与请求网址（合作方访问所用）不符。",
    ),
    "proof-token-hash": _words(
        "The DPoP proof's `ath` is not the hash of the token that was sent with it.",
        "DPoP 证明的 `ath` 不是随附令牌的摘要。",
    ),
    "proof-other-key": _words(
        "The DPoP proof is by another key than the one that the token is bound to.",
        "DPoP 证明所用密钥并非令牌所绑定的密钥。",
    ),
    "proof-issued-at": _words(
        "The DPoP proof's `iat` is over a minute ago, or in the future: make one for each request, and set your clock.",
        "DPoP 证明的 `iat` 早于一分钟之前或在将来：请为每次请求生成新的证明，并校准时钟。",
    ),
    "proof-expired": _words("The DPoP proof has expired.", "DPoP 证明已过期。"),
    "proof-not-yet": _words("The DPoP proof is not valid yet.", "DPoP 证明尚未生效。"),
    "proof-nonce-missing": _words(
        "The DPoP proof had no nonce; the answer's DPoP-Nonce was one to use.",
        "DPoP 证明没有 nonce；应答的 DPoP-Nonce 头给出了可用的值。",
    ),
    "proof-nonce-unknown": _words(
        "The DPoP proof's nonce is too old or not of this server; the answer's DPoP-Nonce was one to use.",
        "DPoP 证明的 nonce 过旧或并非由本服务器给出；应答的 DPoP-Nonce 头给出了可用的值。",
    ),
    "proof-replayed": _words(
        "The DPoP proof was used before: make one with a new `jti` for each request.",
        "该 DPoP 证明已使用过：请为每次请求生成带有新 `jti` 的证明。",
    ),
    "proof-unavailable": _words(
        "Nobody could say whether the DPoP proof was used before: try again.",
        "当时无法判断该 DPoP 证明是否已使用过：请重试。",
    ),
}
OF_KEY_SETS: Mapping[str, Words] = {
    "keys-address": _words(
        "The URL's name leads nowhere, or to an address that may not be called.",
        "网址的域名无法解析，或指向不可访问的地址。",
    ),
    "keys-unreachable": _words("No connection, or TLS that cannot be verified.", "无法连接，或 TLS 无法验证。"),
    "keys-timeout": _words("No answer within 3 seconds.", "3 秒内没有应答。"),
    "keys-status": _words("The answer was not 200; redirects are not followed.", "应答状态不是 200；不跟随重定向。"),
    "keys-content-type": _words(
        "The answer is not application/jwk-set+json or application/json.",
        "应答不是 application/jwk-set+json 或 application/json。",
    ),
    "keys-too-large": _words("The key set is larger than 64 KiB.", "密钥集超过 64 KiB。"),
    "keys-malformed": _words("The answer is no JWK set (RFC 7517).", "应答不是 JWK 集（RFC 7517）。"),
    "keys-too-many": _words("The set has more than eight keys that can be used.", "密钥集中可用的公钥超过八个。"),
    "keys-repeated": _words("Two keys of the set have the same kid.", "密钥集中有两个公钥的 kid 相同。"),
    "keys-private": _words(
        "The set holds a private key: replace it, and publish public keys alone.",
        "密钥集中含有私钥：请更换该密钥，并仅公布公钥。",
    ),
    "keys-none": _words("The set has no key that can be used.", "密钥集中没有可用的公钥。"),
    "keys-ended": _words("Every key of the set has ended, by its `exp`.", "密钥集中的公钥按其 `exp` 均已到期。"),
}
REASONS: Mapping[str, Words] = MappingProxyType(
    {**OF_CLIENTS, **OF_ASSERTIONS, **OF_CERTIFICATES, **OF_TOKENS, **OF_PROOFS, **OF_KEY_SETS}
)
_OAUTH_ERRORS: Mapping[str, Words] = MappingProxyType(
    {
        "invalid_request": _words("The request is malformed.", "请求格式有误。"),
        "invalid_client": _words("The client could not be authenticated.", "无法验证客户端身份。"),
        "unsupported_grant_type": _words(
            "The grant type has to be client_credentials.", "授权类型须为 client_credentials。"
        ),
        "unauthorized_client": _words("The client may not do this.", "该客户端无权进行此操作。"),
        "invalid_scope": _words("The agreements in force do not give the scope.", "生效协议未授予所申请的 scope。"),
        "invalid_target": _words(
            "The parameter resource has to be there and be this gateway's address.",
            "须有 resource 参数，且其值为本网关的地址。",
        ),
        "invalid_authorization_details": _words(
            "The authorization_details are malformed, or beyond the agreements in force.",
            "authorization_details 格式有误，或超出生效协议。",
        ),
        "invalid_dpop_proof": _words("The DPoP proof was not valid.", "DPoP 证明无效。"),
        "use_dpop_nonce": _words("The DPoP proof needed a nonce of this server.", "DPoP 证明须包含本服务器的 nonce。"),
        "temporarily_unavailable": _words(
            "It could not be done just then, or there were too many requests.", "当时无法处理，或请求过多。"
        ),
    }
)


def words_of_reason(reason: str) -> Words | None:
    """A reason in words; of signatures it is `signature-` and a word of gateway/signatures. None for none."""
    if reason in REASONS:
        return REASONS[reason]
    kind, _, word = reason.partition("-")
    found = [each for each in _OF_SIGNATURES if each == word] if kind == "signature" else []
    return {language: _of_signature(found[0], language) for language in LANGUAGES} if found else None


def words_of_error(code: str) -> Words | None:
    """An error of the token endpoint in words (RFC 6749 section 5.2)."""
    return _OAUTH_ERRORS.get(code)


def _of_signature(reason: SignatureReason, language: Language) -> str:
    """As the caller was told it, but for which component: that is not kept."""
    components: Words = {"en": "a component that the clause names", "zh": "条款所列的某一组成部分"}
    address: Words = {"en": "with the gateway's address", "zh": "网关地址"}
    fault = SignatureFault(reason, _NO_CLAUSE, components[language])
    return said(fault, language, address[language])
