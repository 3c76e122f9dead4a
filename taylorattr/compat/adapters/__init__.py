"""Methods of other libraries under ``library:Name``, for ``ta.audit``; imported when one is asked for.

Importing this package registers them. Anything else is bound by ``ta.binds(make)`` in three lines.
"""

from __future__ import annotations

from taylorattr.compat.adapters.captum import captum_method
from taylorattr.compat.adapters.shap import shap_method
from taylorattr.compat.adapters.shapiq import shapiq_method
from taylorattr.compat.adapters.zennit import zennit_method
from taylorattr.criteria.audit.attributor import ADAPTERS, binds

__all__ = ["ADAPTERS", "binds", "captum_method", "shap_method", "shapiq_method", "zennit_method"]
