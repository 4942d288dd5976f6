"""How exchanges may end badly: one table from code to status and words. A code keeps its meaning for good."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.problem import Problem
from gateway.problem import problem as _problem
from gateway.problems_identity import IDENTITY_PROBLEMS
from gateway.problems_partner import PARTNER_PROBLEMS

__all__ = ["PROBLEMS", "Problem"]

PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        # 401: who is calling?
        "missing-token": _problem(
            401,
            "No access token",
            "缺少访问令牌",
            "Get a token at /oauth/token and send it as `Authorization: Bearer <token>`.",
            "请在 /oauth/token 获取令牌，并以 `Authorization: Bearer <令牌>` 发送。",
        ),
        "invalid-token": _problem(
            401,
            "The access token is not valid",
            "访问令牌无效",
            "It is malformed, expired, revoked, for another audience, or bound to what was not shown: get a new one.",
            "令牌格式错误、已过期、已吊销、受众不符，或未出示其绑定的密钥或证书：请重新获取。",
        ),
        # 400, 404, 405, 414, 431: what do they want?
        "token-in-query": _problem(
            400,
            "A token was sent in the URL",
            "令牌出现在网址中",
            "URLs are kept in many logs. Send the token in the Authorization header, and replace this one.",
            "网址会被多处日志保存。请改用 Authorization 头发送，并更换该令牌。",
        ),
        "invalid-parameter": _problem(
            400,
            "A query parameter is not known or is given twice",
            "查询参数未知或重复",
            "A list takes `limit`, `cursor`, `fields`, `sort` and filters, each at most once; "
            "a single record `fields`.",
            "列表接受 `limit`、`cursor`、`fields`、`sort` 与筛选条件，各至多一次；单条记录仅接受 `fields`。",
        ),
        "invalid-limit": _problem(
            400,
            "`limit` is not a number of records",
            "`limit` 不是有效的记录数",
            "Use a whole number from 1 up to the maximum that the OpenAPI document states.",
            "请使用从 1 到 OpenAPI 文档所述上限的整数。",
        ),
        "invalid-cursor": _problem(
            400,
            "`cursor` is not one of ours",
            "`cursor` 无效",
            "Pass the `next` of an earlier page of the same list unchanged, or leave it out to start over.",
            "请原样传回同一列表上一页的 `next`，或不传以重新开始。",
        ),
        "not-found": _problem(
            404,
            "There is nothing at this path",
            "该路径不存在",
            "See your OpenAPI document.",
            "请查阅您的 OpenAPI 文档。",
        ),
        "unknown-product": _problem(
            404,
            "Your agreement does not cover this",
            "协议未涵盖该数据产品",
            "The clause lists the products that it covers.",
            "所引条款列明了涵盖的数据产品。",
        ),
        "record-not-found": _problem(
            404,
            "There is no such record for you",
            "没有您可见的该记录",
            "It does not exist, or it is outside the rows that your agreement opens to you.",
            "记录不存在，或不在协议向您开放的范围内。",
        ),
        "method-not-allowed": _problem(
            405, "This method is not allowed here", "此处不允许该方法", "See the Allow header.", "请查看 Allow 头。"
        ),
        # 400 to 422: how do they want it, and what do they want written?
        "not-acceptable": _problem(
            406,
            "None of the media types asked for can be had",
            "无法提供所要求的媒体类型",
            "Lists come as application/json, application/x-ndjson or text/csv, single records as application/json.",
            "列表可为 application/json、application/x-ndjson 或 text/csv；单条记录为 application/json。",
        ),
        "invalid-filter": _problem(
            400,
            "A filter names no field that can be filtered by, or no value of its type",
            "筛选字段不可用，或取值与其类型不符",
            "Filter by fields that your view shows in clear: `status=lost`, `weight_kg[gte]=2.5`, `city[in]=A,B`.",
            "仅可按视图中原值提供的字段筛选：`status=lost`、`weight_kg[gte]=2.5`、`city[in]=A,B`。",
        ),
        "invalid-sort": _problem(
            400,
            "`sort` names a field that the list cannot be sorted by",
            "`sort` 中的字段不可用于排序",
            "Sort by fields that your view shows in clear, as in `sort=-eta,shipment_id`; some lists cannot be sorted.",
            "仅可按视图中原值提供的字段排序，例如 `sort=-eta,shipment_id`；部分列表不支持排序。",
        ),
        "invalid-fields": _problem(
            400,
            "`fields` names something that your view does not show",
            "`fields` 含有视图未提供的字段",
            "Name fields of your OpenAPI document, separated by commas: `fields=shipment_id,customer.name`.",
            "请使用 OpenAPI 文档中的字段名，以逗号分隔：`fields=shipment_id,customer.name`。",
        ),
        "invalid-idempotency-key": _problem(
            400,
            "`Idempotency-Key` is not valid",
            "`Idempotency-Key` 无效",
            "Send 1 to 255 printable ASCII characters, a new one for each change: a UUID is good.",
            "请发送 1 至 255 个可打印 ASCII 字符，每次变更使用新值，例如 UUID。",
        ),
        "conflict": _problem(
            409,
            "The change contradicts what is there",
            "变更与现有数据冲突",
            "A record with this key exists, or something that it refers to does not.",
            "该主键的记录已存在，或其引用的对象不存在。",
        ),
        "idempotency-in-flight": _problem(
            409,
            "The same change is being made right now",
            "相同的变更正在处理中",
            "Try again a little later with the same `Idempotency-Key`.",
            "请稍后以相同的 `Idempotency-Key` 重试。",
        ),
        "idempotency-unknown": _problem(
            409,
            "Nobody knows whether an earlier try of this change succeeded",
            "无法确定此前的同一变更是否成功",
            "The gateway or the data source failed in the middle of it. "
            "Read the record; if it is not as wanted, use a new key.",
            "处理中途网关或数据源发生故障。请先读取记录；若不符合预期，请使用新的键重试。",
        ),
        "precondition-failed": _problem(
            412,
            "The record is not as you know it any more",
            "记录已不同于您所知的版本",
            "Read it again and decide anew: its ETag is not the one in If-Match.",
            "请重新读取后再决定：其 ETag 与 If-Match 不符。",
        ),
        "body-too-large": _problem(
            413,
            "The request body is too large",
            "请求体过大",
            "A record has at most 1 MiB.",
            "单条记录至多 1 MiB。",
        ),
        "unsupported-media-type": _problem(
            415,
            "The request body is of another media type than accepted",
            "请求体的媒体类型不受支持",
            "Send application/json; an update may also be application/merge-patch+json. No content coding.",
            "请发送 application/json；更新亦可为 application/merge-patch+json。不接受内容编码。",
        ),
        "invalid-body": _problem(
            422,
            "The request body is not what the agreement allows to be written",
            "请求体不符合协议允许写入的内容",
            "`errors` lists every mistake with its place (RFC 6901).",
            "`errors` 逐一列出错误及其位置（RFC 6901）。",
        ),
        "idempotency-mismatch": _problem(
            422,
            "This `Idempotency-Key` was used for another change",
            "该 `Idempotency-Key` 已用于其他变更",
            "Use a new key for each change.",
            "每次变更请使用新的键。",
        ),
        "backend-refused": _problem(
            422,
            "The data source does not accept these values",
            "数据源不接受这些取值",
            "They fit the agreement and not a rule of the data source itself: ask the hub.",
            "取值符合协议但违反数据源自身规则：请咨询提供方。",
        ),
        "outside-rows": _problem(
            403,
            "The record would be outside the rows that your agreement opens to you",
            "该记录不在协议向您开放的范围内",
            "Write only records that your agreement lets you see.",
            "仅可写入协议允许您查看的记录。",
        ),
        "body-incomplete": _problem(
            408,
            "The request body did not arrive in time",
            "请求体未在规定时间内到达",
            "Send it again.",
            "请重新发送。",
        ),
        "uri-too-long": _problem(414, "The URL is too long", "网址过长", "Shorten it.", "请缩短。"),
        "headers-too-large": _problem(
            431,
            "The request headers are too large",
            "请求头过大",
            "Send fewer or shorter headers.",
            "请减少或缩短请求头。",
        ),
        # 403, 429, 503: may they, now?
        "insufficient-scope": _problem(
            403,
            "The token does not hold the scope for this",
            "令牌的权限范围不足",
            "Ask for the scope when getting the token.",
            "获取令牌时请申请相应的权限范围。",
        ),
        "not-in-force": _problem(
            403,
            "The agreement is not in force now",
            "协议当前未生效",
            "The clause gives its dates.",
            "所引条款载明了起止日期。",
        ),
        "purpose-not-covered": _problem(
            403,
            "The stated purpose is not covered",
            "所述目的不在约定范围内",
            "State a purpose that the clause allows in the Clausegate-Purpose header.",
            "请在 Clausegate-Purpose 头中写明条款允许的目的。",
        ),
        "outside-hours": _problem(
            403,
            "The agreement does not admit calls at this time",
            "协议约定此时段不开放调用",
            "Retry-After says when calls are admitted again.",
            "Retry-After 给出再次开放的时间。",
        ),
        "source-not-admitted": _problem(
            403,
            "Calls from this network are not admitted",
            "不接受来自该网络的调用",
            "Call from one of the networks that the clause names, or have the agreement changed.",
            "请从条款列明的网络发起调用，或变更协议。",
        ),
        "suspended": _problem(
            403,
            "Access is suspended",
            "访问已暂停",
            "It was suspended under the clause named. Ask your contact at the hub: it can be lifted.",
            "已依据所列条款暂停访问。请联系提供方，暂停可予解除。",
        ),
        "rate-limited": _problem(
            429,
            "Too many calls",
            "调用过于频繁",
            "Wait as long as Retry-After says. Refused calls are not counted.",
            "请按 Retry-After 等待。被拒绝的调用不计数。",
        ),
        "quota-exceeded": _problem(
            429,
            "The quota of this period is used up",
            "本周期配额已用尽",
            "Retry-After says when the next period begins. A page that is smaller may still fit.",
            "Retry-After 给出下一周期开始的时间；较小的页可能仍可获取。",
        ),
        "too-many-in-flight": _problem(
            429,
            "Too many calls at once",
            "并发调用过多",
            "Wait until one of your calls under way has ended.",
            "请等待进行中的调用结束。",
        ),
        "limiter-unavailable": _problem(
            503,
            "The shared counters cannot be reached",
            "计数服务无法连接",
            "The clause named asks for calls to be counted, and they cannot be now. Try again when Retry-After says.",
            "所列条款要求计数，而目前无法计数。请按 Retry-After 重试。",
        ),
        # 502, 504: what did the backend say?
        "backend-unreachable": _problem(
            502, "The data source cannot be reached", "数据源无法连接", "Try again later.", "请稍后重试。"
        ),
        "backend-error": _problem(502, "The data source failed", "数据源出错", "Try again later.", "请稍后重试。"),
        "backend-invalid": _problem(
            502,
            "The data source answered with something that cannot be masked",
            "数据源的应答无法脱敏",
            "Nothing of it was let through. The hub has been told.",
            "其内容未予放行，已通知提供方。",
        ),
        "backend-timeout": _problem(
            504, "The data source took too long", "数据源响应超时", "Try again later.", "请稍后重试。"
        ),
        # 429: what anybody may read
        "too-many-requests": _problem(
            429,
            "Too many requests from your network address",
            "来自您网络地址的请求过多",
            "What is public is for everybody: wait as long as Retry-After says.",
            "公开内容供所有人使用：请按 Retry-After 等待。",
        ),
        # 400, 404, 503: the published log
        "invalid-leaf-hash": _problem(
            400,
            "This is not the hash of a record",
            "这不是记录的哈希值",
            "Send the `leaf` of a `Clausegate-Receipt`: 32 bytes as 64 hexadecimal digits, base64 or base64url.",
            "请发送 `Clausegate-Receipt` 中的 `leaf`：32 字节，写作 64 位十六进制、base64 或 base64url。",
        ),
        "receipt-not-found": _problem(
            404,
            "This record is not in your published log",
            "您的已公布日志中没有该记录",
            "Before the time `due` of its receipt, ask again. After it, the promise is broken: keep the receipt and a "
            "checkpoint that is later than `due`; with both, `clausegate verify` shows it to anybody.",
            "在回执的 `due` 时间之前，请稍后再查。此后即为违约：请保存回执与晚于 `due` 的检查点；"
            "凭此二者，`clausegate verify` 可向任何人证明。",
        ),
        "log-empty": _problem(
            404,
            "Nothing of this log is published yet",
            "该日志尚未公布任何内容",
            "It begins with the first record that concerns you. Its key is at /partner/log/vkey already.",
            "日志自首条与您有关的记录开始。其公钥已可在 /partner/log/vkey 获取。",
        ),
        "log-file-not-found": _problem(
            404,
            "The log has no such file",
            "日志中没有该文件",
            "The checkpoint's size says which tiles there are, C2SP tlog-tiles how they are named. "
            "In place of a partial tile there may be the full one by now.",
            "检查点的大小决定有哪些 tile，其命名见 C2SP tlog-tiles。不完整的 tile 可能已被完整的取代。",
        ),
        "log-unreadable": _problem(
            503,
            "The published log cannot be read right now",
            "已公布的日志目前无法读取",
            "Nothing is lost: try again after Retry-After.",
            "内容并未丢失：请按 Retry-After 稍后重试。",
        ),
        # 500, 503: the gateway itself
        "log-unavailable": _problem(
            503,
            "The audit log cannot be written",
            "审计日志无法写入",
            "Without a record there is no data. Try again later.",
            "无记录则不提供数据。请稍后重试。",
        ),
        "state-unavailable": _problem(
            503,
            "The state store cannot be reached",
            "状态存储不可用",
            "Without it a change cannot be made exactly once, so it was not tried. Try again later.",
            "无法保证变更仅执行一次，故未执行。请稍后重试。",
        ),
        "internal": _problem(
            500,
            "Something went wrong in the gateway",
            "网关内部错误",
            "Tell the hub the request_id.",
            "请将 request_id 告知提供方。",
        ),
        **IDENTITY_PROBLEMS,
        **PARTNER_PROBLEMS,
    }
)
