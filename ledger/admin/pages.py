"""What the books' pages share: the frame around them, and how a refusal is told."""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404
from django.template.response import TemplateResponse

Row = TypeVar("Row", bound=Model)


class BooksPages:
    """For screens of this room that are more than a list of rows."""

    def may_read(self, request) -> None:
        """A GET, by whoever may see these rows; nothing is asked of the database for anybody else."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied

    def page(self, request, template: str, title, **more) -> TemplateResponse:
        return self.framed(request, template, title=title, is_fullwidth="1", **more)

    @staticmethod
    def found(rows: QuerySet[Row], key: str) -> Row:
        """The row of this key, or the page that says there is none: a key is whatever stands in the address."""
        try:
            return rows.get(pk=key)
        except (rows.model.DoesNotExist, ValueError, ValidationError) as none:
            raise Http404 from none
