#!/bin/sh
# Two people meet and talk, over HTTP with nothing but curl. Every answer is
# checked, so this is also a quick test of a server:
#
#   cargo run --release &
#   examples/two_users.sh
#
# MESSENGER_URL is the server, http://127.0.0.1:8080 by default.
set -eu

url=${MESSENGER_URL:-http://127.0.0.1:8080}
suffix=$(date +%s)_$$
newline='
'

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# call STATUS METHOD PATH TOKEN [BODY]: asks, expects STATUS, leaves $answer.
call() {
    expected=$1 method=$2 path=$3 token=$4
    set -- --silent --show-error --max-time 30 --request "$method" --write-out '\n%{http_code}' \
        ${token:+--header "Authorization: Bearer $token"} \
        ${5:+--header 'Content-Type: application/json' --data "$5"}
    response=$(curl "$@" "$url$path") || fail "$method $path: no answer from $url"
    answer=${response%"$newline"*}
    status=${response##*"$newline"}
    [ "$status" = "$expected" ] || fail "$method $path: expected $expected, got $status: $answer"
    printf '%s %-4s %s\n' "$status" "$method" "$path"
}

# field NAME: the value of the first field NAME in $answer.
field() {
    rest=${answer#*"\"$1\":"}
    [ "$rest" != "$answer" ] || fail "no \"$1\" in $answer"
    case $rest in
        \"*) rest=${rest#\"} && printf '%s' "${rest%%\"*}" ;;
        *) printf '%s' "${rest%%[,\}]*}" ;;
    esac
}

# expect NAME VALUE: the first field NAME of $answer is VALUE.
expect() {
    actual=$(field "$1")
    [ "$actual" = "$2" ] || fail "$1 is $actual, not $2, in $answer"
}

register() {
    call 201 POST /v1/auth/register '' \
        "{\"username\":\"$1\",\"email\":\"$1@example.com\",\"password\":\"correct horse battery\"}"
    expect username "$1"
}

echo '-- Ada and Bob register'
register "ada_$suffix"
ada=$(field access_token) ada_id=$(field id)
register "bob_$suffix"
bob=$(field access_token) bob_id=$(field id)

echo '-- Strangers cannot write to each other'
call 403 POST /v1/conversations "$ada" "{\"kind\":\"direct\",\"user_id\":\"$bob_id\"}"
expect code not_friends

echo '-- Ada asks, Bob accepts'
call 201 POST /v1/friend-requests "$ada" "{\"username\":\"bob_$suffix\"}"
call 200 GET '/v1/friend-requests?direction=incoming' "$bob"
expect id "$ada_id"
call 200 POST "/v1/friend-requests/$ada_id/accept" "$bob"
expect id "$ada_id"

echo '-- Ada opens a conversation; the second time it is the same one'
call 201 POST /v1/conversations "$ada" "{\"kind\":\"direct\",\"user_id\":\"$bob_id\"}"
conversation=$(field id)
call 200 POST /v1/conversations "$bob" "{\"kind\":\"direct\",\"user_id\":\"$ada_id\"}"
expect id "$conversation"
messages=/v1/conversations/$conversation/messages

echo '-- Ada writes; sending again after a lost answer stores nothing twice'
call 201 POST "$messages" "$ada" '{"body":"Hello Bob!","client_id":"hello-1"}'
message=$(field id)
call 200 POST "$messages" "$ada" '{"body":"Hello Bob!","client_id":"hello-1"}'
expect id "$message"
call 409 POST "$messages" "$ada" '{"body":"Something else","client_id":"hello-1"}'
expect code client_id_reused

echo '-- Bob has one unread message, and answers it'
call 200 GET "/v1/conversations/$conversation" "$bob"
expect unread_count 1
call 201 POST "$messages" "$bob" "{\"body\":\"Hello Ada!\",\"reply_to\":\"$message\"}"
expect seq 2
call 200 PUT "/v1/conversations/$conversation/read" "$bob" '{"seq":2}'
expect unread_count 0

echo '-- Both read the same history'
for token in "$ada" "$bob"; do
    call 200 GET "$messages" "$token"
    case $answer in
        *'"Hello Bob!"'*'"Hello Ada!"'*) ;;
        *) fail "not both messages in $answer" ;;
    esac
done
call 200 GET "/v1/conversations/$conversation" "$ada"
expect unread_count 1

echo 'Ada and Bob have talked.'
