"""Codes of who is calling and how they prove it: part of the table of gateway/problems.py."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.problem import Problem, problem

IDENTITY_PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        "invalid-dpop-proof": problem(
            401,
            "The DPoP proof is not valid",
            "DPoP 证明无效",
            "It is new for each request, signed by the token's key, and names this method, URL and token (RFC 9449).",
            "每次请求须使用新的证明，由令牌所绑定的密钥签名，并写明本次方法、网址与令牌（RFC 9449）。",
        ),
        "use-dpop-nonce": problem(
            401,
            "The DPoP proof needs a nonce of this server",
            "DPoP 证明须包含本服务器的 nonce",
            "Send it again with the value of the DPoP-Nonce header as its `nonce`.",
            "请以 DPoP-Nonce 头的值作为 `nonce` 重新发送。",
        ),
        "authentication-not-admitted": problem(
            403,
            "Your agreement asks for another way of authentication",
            "协议要求其他身份验证方式",
            "The clause says how clients authenticate and what tokens are bound to.",
            "所引条款写明客户端的验证方式及令牌须绑定的对象。",
        ),
        "beyond-authorization-details": problem(
            403,
            "The token was narrowed to something else",
            "该令牌已限定于其他用途",
            "Its authorization_details do not cover this product, operation or purpose: ask for a token that does.",
            "令牌的 authorization_details 未涵盖该数据产品、操作或目的：请申请相应的令牌。",
        ),
        "signature-required": problem(
            403,
            "Your agreement asks for a signed request",
            "协议要求对请求签名",
            "The clause says what to sign: send Content-Digest, Signature-Input and Signature (RFC 9421, RFC 9530).",
            "所引条款写明须签名的内容：请发送 Content-Digest、Signature-Input 与 Signature（RFC 9421、RFC 9530）。",
        ),
        "signature-invalid": problem(
            403,
            "The request's signature is not valid",
            "请求签名无效",
            "It is too old, covers too little, was used before, or is not by a registered key of this client.",
            "签名已过时、覆盖内容不足、曾被使用，或并非由该客户端已登记的密钥作出。",
        ),
        "digest-mismatch": problem(
            400,
            "Content-Digest does not fit the body",
            "Content-Digest 与正文不符",
            "It is the SHA-256 or SHA-512 of the body as it is sent (RFC 9530).",
            "须为所发送正文的 SHA-256 或 SHA-512（RFC 9530）。",
        ),
    }
)
