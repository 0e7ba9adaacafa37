"""What auditors take away of this room: liquidations."""

from __future__ import annotations

from import_export.fields import Field

from incidents.models import Liquidation
from jobs.sheets import Instant, Number, Sheet, Text


class LiquidationSheet(Sheet):
    """One row a liquidation, as `import_liquidations` reads it (interfaces, Files), and the asset of its amounts."""

    liquidation_id = Field("liquidation_id", "liquidation_id", Text())
    symbol = Field("instrument__symbol", "symbol", Text())
    account = Field("account", "account", Text())
    side = Field("side", "side", Text())
    price = Field("price", "price", Number())
    quantity = Field("quantity", "quantity", Number())
    fee = Field("fee", "fee", Number())
    surplus = Field("surplus", "surplus", Number())
    bankruptcy_cover = Field("bankruptcy_cover", "bankruptcy_cover", Number())
    asset = Field("instrument__settle_id", "asset", Text())
    liquidated_at = Field("liquidated_at", "liquidated_at", Instant())

    class Meta:
        model = Liquidation
        fields = export_order = (
            "liquidation_id", "symbol", "account", "side", "price", "quantity", "fee", "surplus", "bankruptcy_cover", "asset",
            "liquidated_at",
        )  # fmt: skip
