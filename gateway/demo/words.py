"""The names that demo data are made of: people, places, machines, parts. Companies and people are invented."""

from typing import Final

CANARY: Final = "canary-"
"""Begins every text that no role may see, so that a leak can be found with grep."""

SURNAMES: Final = (
    ("王", "Wang"),
    ("李", "Li"),
    ("张", "Zhang"),
    ("刘", "Liu"),
    ("陈", "Chen"),
    ("杨", "Yang"),
    ("黄", "Huang"),
    ("赵", "Zhao"),
    ("吴", "Wu"),
    ("周", "Zhou"),
    ("徐", "Xu"),
    ("孙", "Sun"),
    ("马", "Ma"),
    ("朱", "Zhu"),
    ("胡", "Hu"),
    ("欧阳", "Ouyang"),
)
GIVEN_NAMES: Final = (
    ("伟", "Wei"),
    ("芳", "Fang"),
    ("建国", "Jianguo"),
    ("秀英", "Xiuying"),
    ("志强", "Zhiqiang"),
    ("丽", "Li"),
    ("军", "Jun"),
    ("晓梅", "Xiaomei"),
    ("永刚", "Yonggang"),
    ("海燕", "Haiyan"),
    ("明", "Ming"),
    ("春华", "Chunhua"),
    ("国庆", "Guoqing"),
    ("雪", "Xue"),
    ("德胜", "Desheng"),
    ("佳", "Jia"),
)
PLACES: Final = (
    ("湖南省", "长沙市", "430104"),
    ("湖南省", "株洲市", "430202"),
    ("湖北省", "武汉市", "420106"),
    ("江苏省", "徐州市", "320303"),
    ("江苏省", "无锡市", "320205"),
    ("山东省", "济宁市", "370811"),
    ("山东省", "青岛市", "370203"),
    ("广东省", "广州市", "440106"),
    ("广东省", "佛山市", "440604"),
    ("四川省", "成都市", "510107"),
    ("陕西省", "西安市", "610113"),
    ("河南省", "郑州市", "410105"),
    ("辽宁省", "沈阳市", "210102"),
    ("云南省", "昆明市", "530103"),
    ("新疆维吾尔自治区", "乌鲁木齐市", "650104"),
    ("内蒙古自治区", "包头市", "150204"),
)
"""Province, city, and the six digits of a district with which an ID number begins."""
ROADS: Final = ("工业大道", "人民路", "建设北路", "解放西路", "开发区一路", "滨江路", "迎宾大道", "车站南路")

CARRIERS: Final = (("SWIFT", 38), ("RIVER", 27), ("POLAR", 21), ("GOLDEN", 14))
"""Carrier codes and their share of shipments, in percent. SWIFT is the demo's logistics partner."""
BANKS: Final = (("HARBOR", 46), ("MERIDIAN", 33), ("PINE", 21))
DEALERS: Final = (("SUMMIT", 32), ("PLAINS", 27), ("COAST", 23), ("RIDGE", 18))

MACHINES: Final = (
    ("HT215E", "履带式挖掘机", "Crawler excavator", 21_500, "968000.00"),
    ("HT75C", "小型挖掘机", "Compact excavator", 7_450, "386000.00"),
    ("HT500H", "轮式装载机", "Wheel loader", 17_200, "452000.00"),
    ("HT25T", "汽车起重机", "Truck crane", 32_800, "1035000.00"),
    ("HT62P", "混凝土泵车", "Concrete pump truck", 42_000, "2680000.00"),
    ("HT220R", "单钢轮压路机", "Single-drum roller", 22_000, "517000.00"),
    ("HT165G", "平地机", "Motor grader", 15_100, "745000.00"),
)
"""Model, name in Chinese and English, weight in kg, list price in CNY."""

PART_NOUNS: Final = (
    ("液压油滤芯", "Hydraulic oil filter", "FLT"),
    ("斗齿", "Bucket tooth", "TTH"),
    ("主泵总成", "Main pump assembly", "PMP"),
    ("回转支承", "Slewing bearing", "BRG"),
    ("发动机皮带", "Engine belt", "BLT"),
    ("多路阀密封件", "Control valve seal kit", "SEL"),
    ("履带板", "Track shoe", "TRK"),
    ("燃油喷油器", "Fuel injector", "INJ"),
    ("风扇离合器", "Fan clutch", "FAN"),
    ("驾驶室玻璃", "Cab glass", "GLS"),
    ("起动机", "Starter motor", "STM"),
    ("行走马达", "Travel motor", "TVM"),
)
SUPPLIERS: Final = ("华岳液压", "东澜轴承", "北屿滤清", "金陇橡塑", "西岭铸造", "Nordhafen Hydraulik", "Ostara Seals")
SERVICE_ENGINEERS: Final = ("何工", "宋工", "唐工", "许工")
