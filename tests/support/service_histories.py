"""Steps of generated histories for contacts, leads, cases and interactions. See `histories.py`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast, get_args
from uuid import UUID

from domain.activities.interaction import events as interaction
from domain.customers.contact import events as contact
from domain.customers.customer import events as customer
from domain.kernel.money import Money
from domain.kernel.values import FieldChange, Reference
from domain.sales.lead import events as lead
from domain.service.case import events as case

if TYPE_CHECKING:
    from tests.support.histories import History, Life

KINDS: Final[tuple[interaction.InteractionKind, ...]] = get_args(interaction.InteractionKind)
CASE_OPEN: Final[tuple[case.CaseState, ...]] = ("new", "assigned", "in_progress", "waiting_on_customer")
LEAD_OPEN: Final[tuple[lead.OpenLeadState, ...]] = ("new", "working", "nurturing", "qualified")


def profile(value: int) -> customer.ProfileChanged:
    """A change of everything that is open in an organisation's profile."""
    return customer.ProfileChanged(
        changes=(
            FieldChange(field="organisation_name", old="Firm", new=f"Firma Größe {value}"),
            FieldChange(field="attributes.sector", old="sales", new=None if value % 2 else "crops"),
            FieldChange(field="preferences.language", old="en", new=("de", "pt-BR")[value % 2]),
            FieldChange(field="preferences.channel", new=None if value % 3 else "phone"),
            FieldChange(field="tag", new=f"t{value}"),
            FieldChange(field="tag", old="new"),
        )
    )


def is_erased(what: int, value: int) -> bool:
    """Whether a step erases the person it concerns, one of 80 does."""
    return what == 14 and value > 7


def somebody(history: History, what: int, spread: int) -> UUID | None:
    """A customer that is there, for some values of `what`."""
    life = history.customers.get(what % spread)
    return life.id if life is not None and what % 3 else None


def contact_step(history: History, number: int, what: int, value: int, spread: int) -> None:
    """One more event of a contact; contact points and consents come and go."""
    life = history.others.get(number)
    if life is None:
        party = somebody(history, 1 + what % 2, spread) or UUID(int=800 + value)
        life = history.life(number, party)
        history.add(
            life,
            contact.Registered(
                customer_id=party, name=f"Zoë {number}", role="buyer",
                references=(Reference(source="crm", external_id=f"c{number}"),),
            ),
        )  # fmt: skip
        return
    if life.erased:
        return
    if is_erased(what, value):
        life.erased = True
        history.add(life, contact.Erased(erasure=UUID(int=1)))
        return
    if not life.points or what % 6 == 0:
        point = UUID(int=life.id.int + ((life.version + 1) << 80))
        life.points.append(point)
        history.add(life, contact.PointAdded(point_id=point, kind="email", value=f"a{value}@example.com"))
        return
    point = life.points[value % len(life.points)]
    payloads: list[Any] = [
        contact.ProfileChanged(changes=(FieldChange(field="role", new="chief"),), name=f"Zoé {value}"),
        contact.PointVerified(point_id=point, method="link"),
        contact.ConsentGiven(
            point_id=point, purpose=("news", "offers")[value % 2], legal_basis="consent", source="web",
            double_opt_in=value % 3 == 0,
            until=datetime(2027, 1, 1 + value, tzinfo=UTC) if value % 4 else None,
        ),
        contact.ConsentWithdrawn(point_id=point, purpose=("news", "offers")[value % 2], source="phone"),
        contact.PointRemoved(point_id=point),
    ]  # fmt: skip
    history.add(life, payloads[what % 5])
    if what % 5 == 4:
        life.points.remove(point)


def lead_step(history: History, number: int, what: int, value: int, spread: int) -> None:
    """One more event of a lead; once converted it stays so."""
    life = history.others.get(number)
    if life is None:
        life = history.life(number, None)
        life.stage = "new"
        history.add(
            life,
            lead.Created(
                name=f"Lía {number}", email="l@example.com", phone=None if value else "123", company="Firm",
                campaign="fair", imported=False, original={},
            ),
        )  # fmt: skip
        return
    if life.erased:
        return
    stage: Any = life.stage
    buyer = somebody(history, what, spread) or UUID(int=800 + value)
    if is_erased(what, value):
        life.erased = True
        history.add(life, lead.Erased(erasure=UUID(int=1)))
    elif stage == "disqualified":
        life.stage = "working"
        history.add(life, lead.Reopened(to_state="working"))
    elif what % 10 == 5:
        history.add(life, lead.OwnerAssigned(owner_id=UUID(int=900 + value)))
    elif stage == "converted" or what % 5 == 0:
        history.add(life, lead.Scored(score=value * 10, model="m1", reasons=("opened mail",)))
    elif what % 5 == 1:
        life.stage = LEAD_OPEN[value % 4]
        history.add(life, lead.StatusChanged(from_state=stage, to_state=LEAD_OPEN[value % 4]))
    elif what % 5 == 2:
        life.stage = "disqualified"
        history.add(life, lead.Disqualified(from_state=stage, reason="no-budget", note="was rude"))
    elif what % 5 == 3:
        history.add(life, lead.CustomerLinked(customer_id=buyer))
    else:
        life.stage = "converted"
        history.add(
            life,
            lead.Converted(customer_id=buyer, opportunity_id=UUID(int=990 + value), customer_created=False),
        )


def case_step(history: History, number: int, what: int, value: int, spread: int) -> None:
    """One more event of a case, some of them linked to another customer."""
    life = history.others.get(number)
    if life is None:
        buyer = somebody(history, what, spread)
        life = history.life(number, buyer)
        life.stage = CASE_OPEN[value % 4]
        history.add(
            life,
            case.Opened(
                kind=("complaint", "incident")[value % 2], state=CASE_OPEN[value % 4], priority=1 + value % 4,
                channel="phone", customer_id=buyer, queue="first line", category="billing",
                subject="It broke", imported=value % 2 == 0, attributes={"site": "B"},
                logged_at=datetime(2026, 1, 1, tzinfo=UTC) if value % 2 else None,
            ),
        )  # fmt: skip
        return
    stage: Any = life.stage
    if stage in ("rejected", "duplicate"):
        history.add(life, case.CustomerLinked(customer_id=UUID(int=800 + value)))
    elif stage in ("resolved", "closed"):
        _ended_case(history, life, stage, what, value)
    else:
        _open_case(history, life, stage, what, value, spread)


def _ended_case(history: History, life: Life, stage: Any, what: int, value: int) -> None:
    if what % 2 and stage == "resolved":
        life.stage = "closed"
        history.add(life, case.CaseClosed(from_state=stage, code="done", reported_sla=bool(value % 2)))
    else:
        life.stage = "in_progress"
        history.add(life, case.Reopened(from_state=stage, to_state="in_progress"))


def _open_case(history: History, life: Life, stage: Any, what: int, value: int, spread: int) -> None:
    state = CASE_OPEN[value % 4]
    buyer = somebody(history, value, spread) or UUID(int=800 + value)
    details = (FieldChange(field="product", new="P"), FieldChange(field="kind", new="request"))
    payloads: list[tuple[str, Any]] = [
        (stage, case.CustomerLinked(customer_id=buyer)),
        (state, case.StateChanged(from_state=stage, to_state=state)),
        ("assigned", case.Assigned(queue=f"q{value}", from_state=stage, to_state="assigned")),
        (stage, case.Assigned(owner_id=UUID(int=900 + value), previous_queue="q1")),
        (stage, case.PriorityChanged(old=1, new=1 + value % 4)),
        (stage, case.Escalated(old=0, new=value)),
        (stage, case.DetailsChanged(changes=details)),
        (stage, case.Responded()),
        ("resolved", case.Resolved(from_state=stage, code="fixed", cause="cable", note="plugged it in")),
        ("resolved", case.Resolved(from_state=stage)),
        ("rejected", case.Rejected(from_state=stage, reason="not-ours")),
        ("duplicate", case.Duplicated(from_state=stage, of=UUID(int=77))),
    ]  # fmt: skip
    life.stage, payload = payloads[what % len(payloads)]
    history.add(life, payload)


def interaction_step(history: History, number: int, what: int, value: int, spread: int) -> None:
    """One more event of an interaction of any kind: recorded, then corrected and linked."""
    life = history.others.get(number)
    if life is None:
        buyer = somebody(history, what, spread)
        life = history.life(number, buyer)
        life.stage = kind = KINDS[(number + what) % len(KINDS)]
        history.add(
            life,
            interaction.Recorded(
                kind=kind, direction="inbound", channel=("web", "shop")[value % 2], customer_id=buyer,
                duration_seconds=value or None, amount=usd(value) if kind in ("purchase", "return") else None,
                items=(interaction.Item(sku="A", quantity=Decimal(value)),),
                survey=interaction.Survey(question="csat", score=1 + value % 5)
                if kind == "survey_answer" else None,
                subject="Hello", body="Where is it?",
                reference=Reference(source="shop", external_id=str(number)), source_digest="00" * 32,
                imported=True,
            ),
        )  # fmt: skip
        return
    kind = cast("interaction.InteractionKind", life.stage)
    buyer = somebody(history, value, spread) or UUID(int=800 + value)
    score = (FieldChange(field="score", old="1", new=str(1 + value % 5)),) if kind == "survey_answer" else ()
    payloads: list[Any] = [
        interaction.CustomerLinked(customer_id=buyer),
        interaction.Corrected(
            kind=kind, changes=(FieldChange(field="channel", old="web", new="phone"), *score),
            body="I found it",
            amount=usd(value) if kind in ("purchase", "return") else None,
        ),
        interaction.Linked(case_id=UUID(int=600 + value)),
        interaction.Linked(opportunity_id=UUID(int=600 + value)),
    ]  # fmt: skip
    history.add(life, payloads[what % len(payloads)])


def usd(value: int) -> Money:
    """An amount of two currencies, with and without a rate."""
    if value % 2:
        return Money(amount=Decimal(value) / 4, currency="EUR", rate=Decimal("1.1"))
    return Money(amount=Decimal(value), currency="USD")
