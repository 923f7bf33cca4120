"""Plans of contacts: who gets what, where, when and why, within policy and capacities."""

from omniltv.segmentation.planning.contact_plan import ContactPlan
from omniltv.segmentation.planning.files import plan_schema, read_plan, write_plan
from omniltv.segmentation.planning.plan_contacts import plan_contacts
from omniltv.segmentation.policy.acting_data import ActingData

__all__ = ["ActingData", "ContactPlan", "plan_contacts", "plan_schema", "read_plan", "write_plan"]
