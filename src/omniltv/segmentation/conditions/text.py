"""Text that contains, starts with or ends with another text."""

from typing import Annotated, ClassVar, Literal

import narwhals as nw
from pydantic import AfterValidator, Field

from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name, known, missing, plain, readable
from omniltv.segmentation.conditions.kind import ConditionKind, Scope, condition_kind

__all__ = ["TextMatch"]


@condition_kind
@checked
class TextMatch(ConditionKind):
    """True if the text in a column contains, starts with or ends with another text.

    The text is taken as it is written, with its case; it is not a pattern.

    Attributes:
        column: Name of a column of text or categories.
        text: ``contains``, ``starts`` or ``ends``.
        part: The text to find.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation import Condition
        >>> tokyo = Condition(TextMatch(column="address", text="starts", part="Tokyo"))
        >>> tokyo.mask(pd.DataFrame({"address": ["Tokyo, Ueno", "Osaka", None]})).tolist()
        [True, False, False]
    """

    key: ClassVar[str] = "text"

    column: Name
    text: Literal["contains", "starts", "ends"]
    part: Annotated[str, AfterValidator(readable), Field(min_length=1, strict=True)]

    @property
    def columns(self) -> frozenset[str]:
        """The column."""
        return frozenset({self.column})

    def compiled(self, scope: Scope) -> nw.Expr:
        """Return the match as an expression that is never null.

        Examples:
            >>> import pandas as pd
            >>> frame = nw.from_native(pd.DataFrame({"city": ["Tokyo", "Kyoto"]}))
            >>> match = TextMatch(column="city", text="ends", part="to")
            >>> frame.filter(match.compiled(Scope(frame.schema)))["city"].to_list()
            ['Kyoto']
        """
        dtype = known(scope, self.column, ("text",))
        text = plain(self.column, dtype).str
        found = {
            "contains": lambda: text.contains(self.part, literal=True),
            "starts": lambda: text.starts_with(self.part),
            "ends": lambda: text.ends_with(self.part),
        }[self.text]()
        return ~missing(self.column, dtype) & found
