"""The classic login with its PIN (protocol.md 2.2); Blink refuses it to most accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from ..errors import (
    BlinkArchiveError,
    CodeNeeded,
    NotSignedIn,
    Throttled,
    UpdateRequired,
    WrongCode,
    WrongPassword,
)
from ..protocol import classic
from ..protocol.answers import error_of, is_error, is_update_required
from ..protocol.endpoints import ENDPOINTS
from .device import hardware_id, is_verified, set_verified
from .method import SignInMethod, fewer_sign_ins
from .pending import PENDING, ClassicPending, save_pending
from .session import Session, auth_header
from .transport import Answer, json_answer, sent
from .wire import APP_HEADERS

_WHAT = "the sign-in"


class ClassicSignIn(SignInMethod):
    """The login with email, password and, for a new client, a PIN; its session lasts a day."""

    async def sign_in(self, *, email: str, password: str) -> Session:
        """The stored session of an account that knows this client.

        Posts the password once. Raises CodeNeeded after storing the login, for `enter_code`, where Blink
        sent a PIN; WrongPassword; NotSignedIn where Blink wants a new password, or deleted this client;
        Throttled where the account is locked; UpdateRequired where Blink has no classic login for it.
        """
        now = self._now()
        body = classic.login_body(
            email=email,
            password=password,
            unique_id=hardware_id(self._state),
            verified=is_verified(self._state, email),
        )
        answer = await self._post(self._addresses.bootstrap + ENDPOINTS["login"].path, headers={}, body=body)
        if classic.is_unknown_client(answer.value):
            await set_verified(self._state, email, verified=False)
        if (refusal := self._refusal(answer)) is not None:
            raise refusal
        login = classic.parse_login(answer.value)
        pending = ClassicPending(
            email=email,
            account_id=login.account_id,
            client_id=login.client_id,
            user_id=login.user_id,
            tier=login.tier,
            token=login.token,
            expires_at=now + classic.TOKEN_LIFE,
            phone=login.phone,
            resend_at=now + login.resend_after,
            started_at=now,
            api_url=self._addresses.api_url,
            oauth_url=self._addresses.oauth_url,
        )
        if login.needs_pin:
            save_pending(self._state, pending)
            raise CodeNeeded(
                f"Blink took the password and sent a PIN to {login.phone or 'your phone or email'}. Enter it "
                "within ten minutes with `blink-archive login --code PIN`, or have another one sent with "
                "`blink-archive login --resend`."
            )
        return await self._end(pending)

    async def enter_code(self, code: str) -> Session:
        """The stored session of the login that waits for its PIN, which is ``code``.

        Raises WrongCode (the login stays, for another try), CodeExpired without a login that waits,
        NotSignedIn where Blink forgot it, and a BlinkError for trouble.
        """
        pending = self._waiting(ClassicPending)
        answer = await self._ask(pending, "pin_verify", body={"pin": "".join(code.split())})
        match classic.parse_pin(answer.value):
            case classic.PinAnswer(valid=True) if not is_error(answer.value, status=answer.status):
                return await self._end(pending)
            case classic.PinAnswer(wants_new=True):
                raise WrongCode(
                    "Blink takes no more tries at this PIN. Have another one sent with "
                    "`blink-archive login --resend`."
                )
            case classic.PinAnswer(valid=False):
                raise WrongCode(
                    "Blink did not take this PIN: it is wrong or too old. Enter the newest one with "
                    "`blink-archive login --code PIN`, or have another one sent with "
                    "`blink-archive login --resend`."
                )
            case _:
                raise self._trouble(answer, what="the check of the PIN")

    async def resend(self) -> None:
        """Has Blink send another PIN for the login that waits.

        Raises Throttled before the time that Blink named; otherwise as `enter_code`.
        """
        pending = self._waiting(ClassicPending)
        now = self._now()
        if now < pending.resend_at:
            raise Throttled(
                f"Blink sends no other PIN before {pending.resend_at.astimezone():%H:%M:%S}. Enter the one "
                "that it sent, or wait so long.",
                until=pending.resend_at,
            )
        answer = await self._ask(pending, "pin_resend", body=None)
        if is_error(answer.value, status=answer.status) or not classic.is_pin_sent(answer.value):
            raise self._trouble(answer, what="another PIN")
        resend_at = now + classic.resend_after(answer.value)
        save_pending(self._state, replace(pending, started_at=now, resend_at=resend_at))

    async def _end(self, pending: ClassicPending) -> Session:
        """The session of a login that Blink wants nothing more for."""
        session = _session(pending)
        await self._store(session)
        await set_verified(self._state, pending.email, verified=True)
        return session

    async def _ask(self, pending: ClassicPending, name: str, *, body: Mapping[str, str] | None) -> Answer:
        path = ENDPOINTS[name].fill(account=pending.account_id, client=pending.client_id)
        url = self._addresses.rest(pending.tier) + path
        return await self._post(url, headers=auth_header(_session(pending)), body=body)

    async def _post(self, url: str, *, headers: Mapping[str, str], body: Mapping[str, str] | None) -> Answer:
        """The answer to one POST, which is never sent twice; ``body`` None is an empty one."""
        sending = {**APP_HEADERS, "Accept": "application/json", **headers}
        content = None
        if body is not None:
            sending["Content-Type"] = "application/json"
            content = json.dumps(body).encode("ascii")
        async with self._client() as client:
            request = client.build_request("POST", url, headers=sending, content=content)
            async with sent(client, request) as response:
                return await json_answer(response, what=_WHAT, now=self._now)

    def _refusal(self, answer: Answer) -> BlinkArchiveError | None:
        """What the answer to the login stands for, where it is not the login."""
        if (locked := classic.lockout(answer.value)) is not None:
            until = self._now() + locked
            return Throttled(
                "Blink keeps this account locked after too many sign-ins. Try again after "
                f"{until.astimezone():%Y-%m-%d %H:%M:%S}; every try before that may make it longer.",
                until=until,
            )
        if classic.wants_new_password(answer.value):
            return NotSignedIn(
                "Blink wants a new password for this account. Choose one in the Blink app, and sign in "
                "with it."
            )
        if is_update_required(answer.value, status=answer.status):
            return UpdateRequired(
                'Blink refuses the classic login to this account (it says "An app update is required"). '
                "Sign in with `blink-archive login`, without --method."
            )
        if not is_error(answer.value, status=answer.status):
            return None
        if classic.is_wrong_password(answer.value, status=answer.status):
            return WrongPassword(
                "Blink did not take this email and password. Check both in the Blink app before "
                "`blink-archive login` again: repeated tries lock the account for an hour."
            )
        if classic.is_unknown_client(answer.value):
            return NotSignedIn(
                "Blink no longer knows this installation: it was removed from the account. Run "
                "`blink-archive login --method classic` again, to have a PIN sent."
            )
        return fewer_sign_ins(answer.until) if answer.status == 429 else self._error(answer, what=_WHAT)

    def _trouble(self, answer: Answer, *, what: str) -> BlinkArchiveError:
        """What an answer about the PIN stands for; where Blink forgot the login, so is it here."""
        error = self._error(answer, what=what)
        if isinstance(error, NotSignedIn):
            self._state.remove(PENDING)
        return error

    @staticmethod
    def _error(answer: Answer, *, what: str) -> BlinkArchiveError:
        return error_of(answer.status, answer.value, what=what, until=answer.until)


def _session(pending: ClassicPending) -> Session:
    return Session(
        kind="classic",
        email=pending.email,
        account_id=pending.account_id,
        tier=pending.tier,
        user_id=pending.user_id,
        client_id=pending.client_id,
        access_token=pending.token,
        refresh_token="",
        expires_at=pending.expires_at,
        api_url=pending.api_url,
        oauth_url=pending.oauth_url,
    )
