"""Hold a rule against all laws of the project; importing this registers them."""

from taylorattr.design.verify import laws
from taylorattr.design.verify.law import LAWS, Law
from taylorattr.design.verify.verification import LawResult, Verification, verify

__all__ = ["LAWS", "Law", "LawResult", "Verification", "laws", "verify"]
