"""People: who may sign in, what they are to each tenant, where they are signed in."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from persistence.tables.columns import boolean_column, integer_column, text_column, time_column


class PersonRow(SQLModel, table=True):
    """An account. It is never deleted: what somebody has decided goes on to name them."""

    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'", name="people_named"),
        CheckConstraint("email = lower(email)", name="people_email"),
        CheckConstraint("(oidc_issuer is null) = (oidc_subject is null)", name="people_oidc"),
        CheckConstraint(
            "(invitation_hash is null) = (invited_to is null) "
            "and (invitation_hash is null) = (invited_until is null)",
            name="people_invited",
        ),
        Index("people_by_subject", "oidc_issuer", "oidc_subject", unique=True),
    )
    id: str = text_column(key=True)
    #: What a person signs in with, and what is recorded as who did it.
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    email: str | None = Field(sa_column=Column(Text, nullable=True, unique=True))
    #: Argon2id, in its own notation.
    password_hash: str | None = text_column(nullable=True)
    #: Who they are to the identity provider, from their first sign-in there on.
    oidc_issuer: str | None = text_column(nullable=True)
    oidc_subject: str | None = text_column(nullable=True)
    #: SHA-256 of 256 random bits; used once.
    invitation_hash: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True, unique=True))
    invited_to: str | None = text_column(nullable=True)
    invited_until: datetime | None = time_column()
    created_at: datetime = time_column(nullable=False)
    created_by: str = text_column()


def _of_person(*, key: bool = False) -> Column[str]:
    return Column(Text, ForeignKey("people.id"), primary_key=key, nullable=False)


class MembershipRow(SQLModel, table=True):
    """One role of a person in one tenant."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint(
            "role in ('viewer', 'support', 'finance', 'operations', 'admin')",
            name="memberships_role",
        ),
        Index("memberships_by_tenant", "tenant", "role"),
    )
    person_id: str = Field(sa_column=_of_person(key=True))
    tenant: str = text_column(key=True)
    role: str = text_column(key=True)
    granted_by: str = text_column()
    granted_at: datetime = time_column(nullable=False)


class SessionRow(SQLModel, table=True):
    """Where somebody is signed in, as SHA-256 of the 256 random bits that their browser holds."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_by_person", "person_id", "address"),)
    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    person_id: str = Field(sa_column=_of_person())
    address: str = text_column()
    began_at: datetime = time_column(nullable=False)
    #: Exact to a minute.
    seen_at: datetime = time_column(nullable=False)
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    ended_at: datetime | None = time_column()


class PersonSettingsRow(SQLModel, table=True):
    """How somebody wants to see the console. None: as the company's zone, as the system's theme."""

    __tablename__ = "person_settings"
    __table_args__ = (
        CheckConstraint("theme in ('light', 'dark')", name="person_settings_theme"),
        CheckConstraint("page_size between 10 and 100", name="person_settings_page_size"),
    )
    person_id: str = Field(sa_column=_of_person(key=True))
    zone: str | None = text_column(nullable=True)
    theme: str | None = text_column(nullable=True)
    keys: bool = boolean_column(default=True)
    page_size: int = integer_column(default=50)
    set_at: datetime = time_column(nullable=False)


class SignInFailureRow(SQLModel, table=True):
    """How often a sign-in was tried in vain: of an account, from an address, or of one from the
    other. `what` is a digest, because what is typed as a name may be a password."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index("sign_in_failures_by_time", "last_at"),)
    what: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    failures: int = integer_column()
    last_at: datetime = time_column(nullable=False)
    #: Until then nothing more is looked at.
    waits_until: datetime | None = time_column()
