"""Stand-ins for well-known OpenML data sets, by id or name: the original's rows, columns, types and classes.

A table of shapes, open to more lines; what it does not know is unavailable rather than guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import standin


@dataclass(frozen=True)
class Images:
    """Flattened images: float pixels, classes as texts."""

    rows: int
    size: tuple[int, int, int]
    first: int = 0  # the first class's number
    name: str = "pixel{}"
    low: float = 0.0  # pixels run from here ...
    high: float = 255.0  # ... to here


@dataclass(frozen=True)
class Table:
    rows: int
    columns: str  # "name:kind name:kind"; kind: number, integer, low..high, text, or a|b|c
    target: str  # the same for the target, or for several; "" where there is none


CREDIT = (
    "checking_status:<0|0<=X<200|>=200|no_checking duration:integer credit_history:existing_paid|critical|all_paid "
    "purpose:radio/tv|education|new_car|used_car credit_amount:integer savings_status:<100|100<=X<500|no_known "
    "employment:<1|1<=X<4|4<=X<7|>=7 installment_commitment:integer personal_status:male_single|female "
    "other_parties:none|guarantor residence_since:integer property_magnitude:real_estate|car age:integer "
    "other_payment_plans:none|bank housing:own|rent existing_credits:integer job:skilled|unskilled "
    "num_dependents:integer own_telephone:yes|none foreign_worker:yes|no"
)
ADULT = (
    "age:integer workclass:Private|Self-emp|Local-gov fnlwgt:integer education:Bachelors|HS-grad|Masters "
    "education-num:integer marital-status:Married|Never-married|Divorced occupation:Sales|Tech-support|Craft-repair "
    "relationship:Wife|Husband|Own-child race:White|Black|Other sex:Female|Male capital-gain:integer "
    "capital-loss:integer hours-per-week:integer native-country:United-States|Mexico|Germany"
)
TITANIC = (
    "pclass:integer name:text sex:female|male age:number sibsp:integer parch:integer ticket:text fare:number "
    "cabin:text embarked:S|C|Q boat:text body:number home.dest:text"
)
WAGES = (
    "EDUCATION:integer SOUTH:no|yes SEX:female|male EXPERIENCE:integer UNION:not_member|member AGE:integer "
    "RACE:White|Hispanic|Other OCCUPATION:Other|Sales|Clerical SECTOR:Other|Manufacturing MARR:Married|Unmarried"
)
BIKES = (
    "season:spring|summer|fall|winter year:integer month:1..12 hour:0..23 holiday:False|True weekday:0..6 "
    "workingday:False|True weather:clear|misty|rain temp:number feel_temp:number humidity:number windspeed:number"
)
DIABETES = "preg:integer plas:integer pres:integer skin:integer insu:integer mass:number pedi:number age:integer"
CO2 = "year:integer month:integer day:integer weight:integer flag:integer station:MLO"
HOUSES = (
    "MSSubClass:integer LotArea:integer Street:Pave|Grvl LotConfig:Inside|Corner|FR2 Neighborhood:NAmes|OldTown "
    "Condition2:Norm|Feedr|Artery BldgType:1Fam|Duplex|TwnhsE HouseStyle:1Story|2Story|1.5Fin OverallQual:1..10 "
    "OverallCond:1..9 YearBuilt:1900..2010 YearRemodAdd:1950..2010 MasVnrType:None|BrkFace|Stone MasVnrArea:integer "
    "ExterQual:TA|Gd|Ex ExterCond:TA|Gd|Fa Foundation:PConc|CBlock|BrkTil BsmtFinSF1:integer BsmtFinSF2:integer "
    "BsmtUnfSF:integer TotalBsmtSF:integer Heating:GasA|GasW|Grav HeatingQC:Ex|Gd|TA CentralAir:Y|N 1stFlrSF:integer "
    "2ndFlrSF:integer GrLivArea:integer BsmtHalfBath:0..1 FullBath:1..3 HalfBath:0..2 BedroomAbvGr:1..5 "
    "TotRmsAbvGrd:integer Functional:Typ|Min1|Mod Fireplaces:0..2 FireplaceQu:Gd|TA|Fa GarageType:Attchd|Detchd "
    "GarageFinish:Unf|RFn|Fin GarageCars:0..3 GarageArea:integer 3SsnPorch:integer ScreenPorch:integer "
    "PoolQC:Ex|Gd|Fa MiscFeature:Shed|Gar2 MoSold:1..12 YrSold:2006..2010"
)
POLICIES = (
    "IDpol:number ClaimNb:number Exposure:number Area:A|B|C|D|E|F VehPower:4..15 VehAge:0..20 DrivAge:18..90 "
    "BonusMalus:50..150 VehBrand:B1|B2|B3|B12 VehGas:Diesel|Regular Density:integer Region:R11|R24|R53|R82"
)
WINES = (
    "country:US|Italy|France description:text designation:text price:number province:California|Bordeaux|Tuscany "
    "region_1:text region_2:Napa|Sonoma taster_name:text title:text variety:Merlot|Syrah|Malbec|Riesling winery:text"
)
PLACES = "MIT|NUC|CYT|ME1|ME2|ME3|EXC|VAC|POX|ERL"
YEAST = Table(
    1484,
    " ".join(f"{name}:number" for name in ("mcg", "gvh", "alm", "mit", "erl", "pox", "vac", "nuc")),
    f"class:{PLACES}",
)
GENES = Table(
    2417,
    " ".join(f"Att{index}:number" for index in range(1, 104)),
    " ".join(f"Class{index}:FALSE|TRUE" for index in range(1, 15)),
)
PAYMENTS = "Time:integer " + " ".join(f"V{index}:number" for index in range(1, 29)) + " Amount:number"
HEARTS = " ".join(f"V{index}:number" for index in range(1, 36))
KNOWN: dict[str, Images | Table] = {
    "mnist_784": Images(70000, (28, 28, 1)),
    "fashion-mnist": Images(70000, (28, 28, 1)),
    "kuzushiji-mnist": Images(70000, (28, 28, 1)),
    "usps": Images(9298, (16, 16, 1), 1, "{}", -1.0, 1.0),
    "cifar_10": Images(6000, (32, 32, 3), 0, "a{}"),
    "mauna-loa-atmospheric-co2": Table(2225, CO2, "co2:number"),
    "adult": Table(48842, ADULT, "class:<=50K|>50K"),
    "titanic": Table(1309, TITANIC, "survived:0|1"),
    "credit-g": Table(1000, CREDIT, "class:bad|good"),
    "diabetes": Table(768, DIABETES, "class:tested_negative|tested_positive"),
    "cps_85_wages": Table(534, WAGES, "WAGE:number"),
    "bike_sharing_demand": Table(17379, BIKES, "count:integer"),
    "house_prices": Table(1460, HOUSES, "SalePrice:integer"),
    "ames_housing": Table(1460, HOUSES, "Sale_Price:integer"),
    "fremtpl2freq": Table(50000, POLICIES, ""),
    "fremtpl2sev": Table(2000, "IDpol:number ClaimAmount:number", ""),
    "wine_reviews": Table(20000, WINES, "points:integer"),
    "creditcard": Table(50000, PAYMENTS, "Class:0|1"),
    "cardiotocography": Table(2126, HEARTS, "Class:1|2|3|4|5|6|7|8|9|10"),
    "yeast": YEAST,
    "yeast version 4": GENES,
    "blood-transfusion-service-center": Table(748, "V1:integer V2:integer V3:integer V4:integer", "Class:1|2"),
}
IDS = {
    554: "mnist_784",
    40996: "fashion-mnist",
    41982: "kuzushiji-mnist",
    41082: "usps",
    40926: "cifar_10",
    40927: "cifar_10",
    41187: "mauna-loa-atmospheric-co2",
    1590: "adult",
    179: "adult",
    40945: "titanic",
    31: "credit-g",
    37: "diabetes",
    534: "cps_85_wages",
    42712: "bike_sharing_demand",
    44063: "bike_sharing_demand",
    42165: "house_prices",
    43926: "ames_housing",
    41214: "fremtpl2freq",
    41215: "fremtpl2sev",
    42074: "wine_reviews",
    1597: "creditcard",
    1466: "cardiotocography",
    181: "yeast",
    1464: "blood-transfusion-service-center",
}


def fetch(
    name: str | None = None,
    *,
    version: Any = "active",
    data_id: int | None = None,
    target_column: Any = "default-target",
    return_X_y: bool = False,
    as_frame: Any = "auto",
    **_: Any,
) -> Any:
    """What `fetch_openml` would have given, or None where the data set is not known here."""
    key = IDS.get(int(data_id)) if data_id is not None else str(name).lower()
    key = f"{key} version {version}" if f"{key} version {version}" in KNOWN else key
    shape = KNOWN.get(key or "")
    if shape is None:
        return None
    framed = bool(as_frame)  # "auto": all of these are dense
    frame, target_name = _images(shape, framed) if isinstance(shape, Images) else _table(shape, key)
    if target_column != "default-target":
        target_name = target_column
    return _answer(frame, target_name, framed, return_X_y, key)


def _answer(frame: Any, target_name: Any, framed: bool, return_X_y: bool, key: Any) -> Any:
    from sklearn.utils import Bunch

    names = [] if target_name is None else target_name if isinstance(target_name, list) else [target_name]
    data = frame.drop(columns=names)
    target = None if not names else frame[names[0]] if len(names) == 1 else frame[names]
    categories = {column: list(data[column].cat.categories) for column in data if str(data[column].dtype) == "category"}
    features = list(data.columns)
    if not framed:
        for column in categories:
            data[column] = data[column].cat.codes.astype("float64")
        data = data.to_numpy()
        target = None if target is None else target.astype(object).to_numpy()
        if target is not None and target.ndim == 1 and len(target) and isinstance(target[0], float):
            target = target.astype("float64")
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame if framed else None,
        categories=None if framed else categories,
        feature_names=features,
        target_names=names,
        DESCR="stand-in",
        details={"name": key, "version": "1"},
        url="",
    )


def _images(shape: Images, framed: bool) -> tuple[Any, Any]:
    import numpy
    import pandas

    pixels, labels = standin.images(shape.rows, 10, shape.size, "openml", shape.rows)
    flat = pixels.reshape(shape.rows, -1)
    whole = shape.low == 0.0 and framed
    flat = flat.astype(numpy.int64 if whole else numpy.float64)
    if shape.low != 0.0:
        flat = flat / 255.0 * (shape.high - shape.low) + shape.low
    columns = [shape.name.format(index + 1) for index in range(flat.shape[1])]
    frame = pandas.DataFrame(flat, columns=columns, copy=False)
    names = [str(index + shape.first) for index in range(10)]
    target = pandas.Series(pandas.Categorical.from_codes(labels, names), name="class")
    return pandas.concat([frame, target], axis=1), "class"


def _table(shape: Table, key: Any) -> tuple[Any, Any]:
    import numpy
    import pandas

    source = standin.generator("openml", key)
    hidden = source.normal(size=shape.rows)
    values: dict[str, Any] = {}
    targets = shape.target.split()
    for entry in [*shape.columns.split(), *targets]:
        name, _, kind = entry.partition(":")
        noise = 0.3 if entry in targets else 1.0
        signal = hidden + noise * source.normal(size=shape.rows)
        values[name] = _column(numpy, pandas, kind, signal, source)
    if "year" in values and "month" in values and "day" in values:  # weekly observations
        dates = pandas.date_range("1958-03-29", periods=shape.rows, freq="7D")
        values.update(year=dates.year.to_numpy(), month=dates.month.to_numpy(), day=dates.day.to_numpy())
        turn = numpy.arange(shape.rows) / 52.18
        values[shape.target.partition(":")[0]] = 315 + 1.3 * turn + 3 * numpy.sin(2 * numpy.pi * turn) + 0.3 * hidden
    elif "year" in values:  # numbered years, in order
        values["year"] = (numpy.arange(shape.rows) * 2 // shape.rows).astype(numpy.int64)
    names = [target.partition(":")[0] for target in targets]
    return pandas.DataFrame(values), (names if len(names) > 1 else names[0]) if names else None


def _column(numpy: Any, pandas: Any, kind: str, signal: Any, source: Any) -> Any:
    if kind == "number":
        return numpy.abs(10 + 4 * signal)
    if kind == "integer":
        return numpy.abs(numpy.round(20 + 6 * signal)).astype(numpy.int64)
    if kind == "text":
        return pandas.Series([f"text {number}" for number in source.randint(0, 200, len(signal))], dtype=object)
    if ".." in kind:  # whole numbers in turn, both ends included
        low, _, high = kind.partition("..")
        return numpy.arange(len(signal), dtype=numpy.int64) % (int(high) - int(low) + 1) + int(low)
    names = kind.split("|")
    if len(names) == 1:
        return pandas.Categorical.from_codes(numpy.zeros(len(signal), dtype=int), names)
    edges = numpy.quantile(signal, numpy.arange(1, len(names)) / len(names))
    return pandas.Categorical.from_codes(numpy.digitize(signal, edges), names)
