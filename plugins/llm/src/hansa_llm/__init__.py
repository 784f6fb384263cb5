"""Language models for Hansa."""

from .completion import Completion, ToolCall, Usage
from .faults import BudgetSpent, ModelFault, Overloaded

__all__ = ["BudgetSpent", "Completion", "ModelFault", "Overloaded", "ToolCall", "Usage"]
