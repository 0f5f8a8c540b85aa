"""The words that all sources share, so that one play serves every vendor's tickets, surveys, bills and deals.

A source gives an event these names and properties where it can; what it has beyond them stays under the source's own name
(`properties.zendesk.custom_fields`). Events that are in no row of a source keep the vendor's name, in our spelling.
"""

from collections.abc import Mapping

TICKET: Mapping[str, str] = {
    "ticket_id": "the help desk's id, as text",
    "subject": "its title",
    "status": "new, open, pending, on_hold, solved or closed; else the vendor's word",
    "old_status": "what it was before",
    "priority": "low, normal, high or urgent; else the vendor's word",
    "old_priority": "what it was before",
    "type": "the vendor's type of ticket",
    "requester_email": "who asked, in lower case",
    "assignee": "who works on it: an e-mail, else the vendor's id",
    "tags": "a list",
    "url": "where a person finds it",
}
ANSWER: Mapping[str, str] = {
    "score": "the number given: 0 to 10 for NPS; else on the survey's own scale",
    "old_score": "what it was before, where the vendor says (nps.changed and its like)",
    "scale": "the highest score that can be given, where the vendor says",
    "comment": "what they wrote",
    "response_id": "the vendor's id of the response",
    "survey_id": "the vendor's id of the survey",
    "survey": "its name",
    "respondent_email": "who answered, in lower case",
    "ticket_id": "the ticket that was rated",
}
TASK: Mapping[str, str] = {
    "task_id": "the tool's id",
    "delivery_id": "ours, where the task is one of ours",
    "title": "its title",
    "status": "the tool's word",
    "assignee": "who has it",
    "completed_by": "who did it",
    "comment": "what they wrote",
}
INVOICE: Mapping[str, str] = {
    "invoice_id": "the vendor's id",
    "amount": "what is due or paid, in the currency's main unit: 49.9",
    "currency": "ISO 4217, in capitals",
    "attempt": "how often payment was tried",
    "next_attempt_at": "when it is tried next",
    "reason": "why it failed",
    "subscription_id": "the subscription it is for",
    "url": "where the customer can pay",
}
SUBSCRIPTION: Mapping[str, str] = {
    "subscription_id": "the vendor's id",
    "plan": "what is subscribed",
    "old_plan": "what was",
    "status": "the vendor's word",
    "mrr": "a month's revenue, in the currency's main unit",
    "currency": "ISO 4217, in capitals",
    "quantity": "seats or units",
    "cancel_at": "when it ends, if that is known",
    "reason": "why it was cancelled",
}
DEAL: Mapping[str, str] = {
    "deal_id": "the CRM's id",
    "title": "its name",
    "stage": "the CRM's word",
    "old_stage": "what it was before",
    "amount": "in the currency's main unit",
    "currency": "ISO 4217, in capitals",
    "close_date": "when it closed or should",
    "type": "new business, renewal, ...: the CRM's word",
    "owner": "whose it is: an e-mail, else the CRM's id",
}
CONTRACT: Mapping[str, str] = {
    "contract_id": "the CRM's id",
    "renewal_date": "when it must be renewed next",
    "amount": "in the currency's main unit",
    "currency": "ISO 4217, in capitals",
}

# Every name that means the same whoever sends it, and the words that its properties may be in.
EVENTS: Mapping[str, Mapping[str, str]] = {
    "ticket.created": TICKET,
    "ticket.updated": TICKET,
    "ticket.solved": TICKET,
    "ticket.reopened": TICKET,
    "nps.answered": ANSWER,
    "nps.changed": ANSWER,
    "csat.answered": ANSWER,
    "csat.changed": ANSWER,
    "ces.answered": ANSWER,
    "ces.changed": ANSWER,
    "survey.answered": ANSWER,
    "survey.changed": ANSWER,
    "task.completed": TASK,
    "task.reopened": TASK,
    "task.reassigned": TASK,
    "task.commented": TASK,
    "invoice.payment_failed": INVOICE,
    "invoice.paid": INVOICE,
    "subscription.created": SUBSCRIPTION,
    "subscription.changed": SUBSCRIPTION,
    "subscription.cancelled": SUBSCRIPTION,
    "deal.created": DEAL,
    "deal.updated": DEAL,
    "deal.won": DEAL,
    "deal.lost": DEAL,
    "contract.renewed": CONTRACT,
    "account.updated": {},
    "user.updated": {},
}

TRAITS: Mapping[str, str] = {
    "name": "the company's name",
    "domain": "its e-mail domain",
    "owner": "its CSM: an e-mail, else the CRM's id of a person",
    "account_executive": "its seller",
    "champion": "the customer's own person for us",
    "billing": "who gets the bills",
    "plan": "what is subscribed",
    "mrr": "a month's revenue, in the currency's main unit",
    "currency": "ISO 4217, in capitals",
    "seats": "how many were bought",
    "renewal_date": "when the contract must be renewed",
    "contract_start": "when it began",
    "stage": "where in its life the account is: the CRM's word",
    "parent": "the account it belongs to",
    "payment_status": "the billing system's word",
}
