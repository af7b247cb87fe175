"""Two users meet and talk, through a client made by openapi-python-client."""

import os
import time
from typing import Any

from messenger_client import AuthenticatedClient, Client
from messenger_client.api.auth import logout_user, register_user
from messenger_client.api.conversations import create_conversation, get_conversation
from messenger_client.api.friend_requests import accept_friend_request, list_friend_requests, send_friend_request
from messenger_client.api.messages import list_messages, mark_read, send_message
from messenger_client.api.users import get_me
from messenger_client.models import (
    Conversation,
    DirectKind,
    Direction,
    Friend,
    FriendRequest,
    FriendRequestByUsername,
    FriendRequestPage,
    Logout,
    Message,
    MessagePage,
    NewDirectConversation,
    NewMessage,
    Problem,
    ReadMarker,
    ReadState,
    Registration,
    SignedIn,
)
from messenger_client.types import Response

URL = os.environ["MESSENGER_URL"]
RUN = int(time.time() * 1000)


def register(name: str) -> SignedIn:
    username = f"{name}_py_{RUN}"
    account = Registration(username=username, email=f"{username}@example.org", password="correct horse")
    registered = register_user.sync_detailed(client=anyone, body=account)
    assert registered.status_code == 201, registered.content
    assert isinstance(registered.parsed, SignedIn)
    assert registered.parsed.user.username == username
    assert registered.parsed.user.avatar_url is None
    return registered.parsed


def signed_in(who: SignedIn) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=who.tokens.access_token, raise_on_unexpected_status=True)


def problem(response: Response[Any], status: int) -> Problem:
    """What the server says of a refused request."""
    assert response.status_code == status, response.content
    assert response.headers["content-type"].startswith("application/problem+json")
    assert isinstance(response.parsed, Problem)
    assert response.parsed.status == status
    return response.parsed


anyone = Client(base_url=URL, raise_on_unexpected_status=True)
ada_signed_in, bob_signed_in = register("ada"), register("bob")
ada, bob = signed_in(ada_signed_in), signed_in(bob_signed_in)
ada_id, bob_id = ada_signed_in.user.id, bob_signed_in.user.id

# An error tells what was refused.
eve = Registration(username=f"eve_py_{RUN}", email="no address", password="correct horse")
refused = problem(register_user.sync_detailed(client=anyone, body=eve), 422)
assert refused.code == "invalid_value"
assert [one.field for one in refused.errors] == ["email"]

direct = NewDirectConversation(kind=DirectKind.DIRECT, user_id=bob_id)
strangers = problem(create_conversation.sync_detailed(client=ada, body=direct), 403)
assert (strangers.code, strangers.user_ids) == ("not_friends", [bob_id])

# Friends.
asked = send_friend_request.sync_detailed(
    client=ada, body=FriendRequestByUsername(username=bob_signed_in.user.username)
)
assert asked.status_code == 201
assert isinstance(asked.parsed, FriendRequest)
assert asked.parsed.addressee.id == bob_id
requests = list_friend_requests.sync(client=bob, direction=Direction.INCOMING)
assert isinstance(requests, FriendRequestPage)
assert [one.requester.id for one in requests.items] == [ada_id]
accepted = accept_friend_request.sync(client=bob, user_id=ada_id)
assert isinstance(accepted, Friend)
assert accepted.user.id == ada_id

# A conversation.
opened = create_conversation.sync_detailed(client=ada, body=direct)
assert opened.status_code == 201
assert isinstance(opened.parsed, Conversation)
assert opened.parsed.peer is not None and opened.parsed.peer.id == bob_id
assert opened.parsed.last_message is None
conversation = opened.parsed.id

# A send that is repeated is the same send.
hello = NewMessage(body="Hello, Bob! 👋", client_id="hello-1")
sent = send_message.sync_detailed(client=ada, conversation_id=conversation, body=hello)
assert sent.status_code == 201
assert isinstance(sent.parsed, Message)
repeated = send_message.sync_detailed(client=ada, conversation_id=conversation, body=hello)
assert repeated.status_code == 200
assert repeated.parsed == sent.parsed
other = NewMessage(body="Something else", client_id="hello-1")
reused = problem(send_message.sync_detailed(client=ada, conversation_id=conversation, body=other), 409)
assert reused.code == "client_id_reused"

# Unread, answered, read.
unread = get_conversation.sync(client=bob, conversation_id=conversation)
assert isinstance(unread, Conversation)
assert unread.unread_count == 1
assert unread.last_message is not None and unread.last_message.body == hello.body
reply = NewMessage(body="Hello, Ada!", reply_to=sent.parsed.id)
answer = send_message.sync(client=bob, conversation_id=conversation, body=reply)
assert isinstance(answer, Message)
assert answer.reply_to == sent.parsed.id
read = mark_read.sync(client=bob, conversation_id=conversation, body=ReadMarker(seq=2))
assert isinstance(read, ReadState)
assert (read.read_seq, read.unread_count) == (2, 0)

# The history, the same for both.
for reader in (ada, bob):
    history = list_messages.sync(client=reader, conversation_id=conversation, limit=10)
    assert isinstance(history, MessagePage)
    assert [(one.seq, one.body) for one in history.items] == [(1, hello.body), (2, "Hello, Ada!")]
    assert not history.has_before

# The session ends, and its token with it.
assert logout_user.sync_detailed(client=bob, body=Logout()).status_code == 204
assert problem(get_me.sync_detailed(client=bob), 401).code == "invalid_token"

print("Python: Ada and Bob have talked.")
