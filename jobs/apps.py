"""The room's name, and the worker that says that it began."""

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = _("Engine room")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        # By name: both know models, and no model is there yet when this file is read.
        import_string("django_q.signals.post_spawn").connect(
            import_string("jobs.tasks.begin"), dispatch_uid="jobs.begin"
        )
        import_string("django_q.signals.pre_execute").connect(
            import_string("jobs.traces.begin"), dispatch_uid="jobs.traces.begin"
        )
        import_string("django_q.signals.post_execute_in_worker").connect(
            import_string("jobs.traces.end"), dispatch_uid="jobs.traces.end"
        )
