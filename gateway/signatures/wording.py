"""What is wrong with a signature, said to whoever made it: what to do, in both languages."""

from collections.abc import Mapping

from gateway.signatures.judging import Reason, SignatureFault
from policies.reference import Language, Words

_WORDS: Mapping[Reason, Words] = {
    "not-signed": {
        "zh": "请求没有签名：请发送 Signature-Input 与 Signature（RFC 9421）。",
        "en": "The request is not signed: send Signature-Input and Signature (RFC 9421).",
    },
    "no-digest": {
        "zh": "请求没有 Content-Digest：请发送正文的 SHA-256 或 SHA-512，并将其纳入签名（RFC 9530）。",
        "en": "The request has no Content-Digest: send the SHA-256 or SHA-512 of its body and sign it (RFC 9530).",
    },
    "malformed": {
        "zh": "Signature-Input 或 Signature 不符合 RFC 9421 的格式，或两者标签不一致，或含有本接口不接受的参数。",
        "en": (
            "Signature-Input or Signature is not as RFC 9421 writes it, their labels differ, or a parameter is one "
            "that is not taken here."
        ),
    },
    "several": {
        "zh": '请求带有多个签名：须恰有一个签名的 tag 为 "clausegate"。',
        "en": 'There are several signatures: just one of them has to have the tag "clausegate".',
    },
    "not-for-us": {
        "zh": '该签名的 tag 属于其他应用：请省略 tag，或使用 "clausegate"。',
        "en": 'The signature\'s tag is of another application: leave it out, or use "clausegate".',
    },
    "incomplete": {
        "zh": "签名须带有 created 与 keyid 参数。",
        "en": "A signature has the parameters created and keyid.",
    },
    "unknown-component": {
        "zh": "签名覆盖了请求中没有的、或本接口不接受的组成部分；组成部分不得带有参数。",
        "en": (
            "The signature covers a component that the request does not have or that is not taken here; components "
            "have no parameters."
        ),
    },
    "not-covered": {
        "zh": "签名未覆盖 {component}。",
        "en": "The signature does not cover {component}.",
    },
    "too-early": {
        "zh": "签名的 created 在将来：请校准时钟。",
        "en": "The signature was created in the future: set your clock.",
    },
    "too-old": {
        "zh": "签名已过时：请为每次请求重新签名，并校准时钟。",
        "en": "The signature is too old: sign each request anew, and set your clock.",
    },
    "no-keys": {
        "zh": "该客户端没有已登记的公钥，无法签名；仅使用密钥串（client_secret_basic）的客户端须先登记公钥。",
        "en": (
            "This client has no registered key to sign with. One of the basic tier, that has a secret alone, "
            "has to register a public key first."
        ),
    },
    "unknown-key": {
        "zh": "keyid 不是该客户端已登记公钥的 kid。",
        "en": "The keyid is not the kid of a registered key of this client.",
    },
    "algorithm": {
        "zh": "签名算法与该公钥不符，或不在所引条款允许之列。",
        "en": "The algorithm is not that of the key, or not one that the clause admits.",
    },
    "not-by-key": {
        "zh": "签名与请求不符，或并非由所指公钥作出。请核对签名所用的网址（{base_url} 开头）与各组成部分。",
        "en": (
            "The signature does not fit the request, or is not by the key that it names. Compare what you signed: "
            "the URL begins with {base_url}."
        ),
    },
    "used-before": {
        "zh": "该签名已使用过：请为每次请求重新签名，并加入 nonce。",
        "en": "This signature was used before: sign each request anew, with a nonce.",
    },
}


def said(fault: SignatureFault, language: Language, base_url: str) -> str:
    """The fault in the caller's language. Component names are the clause's own, the base URL is ours."""
    return _WORDS[fault.reason][language].format(component=fault.component, base_url=base_url)
