import JSON
import Testing

@testable import Operator

@Suite struct `Commands through the API` {
    @Test func `tenant create asks once and waits until the tenant takes requests`() async throws {
        // given a service that knows the tenant at the third look
        let transport = FakeTransport { request, number in
            switch (request.url, number) {
            case ("http://command.test/v1/tenants", 1): .json(201, #"{"id":"tenant_x","version":1}"#)
            case ("http://command.test/v1/members", 2...3): .json(403, #"{"title":"Forbidden","status":403}"#)
            default: .json(422, #"{"title":"Invalid","status":422}"#)
            }
        }

        // when
        let run = await closter(
            ["tenant", "create", "acme", "--currency", "PLN", "--time-zone", "Europe/Warsaw", "--name", "Acme"],
            transport: transport)

        // then
        #expect(run.status == 0)
        #expect(run.out == "created acme\n")
        let first = try #require(transport.requests.first)
        #expect(first.method == "POST")
        #expect(first.header("authorization") == "Bearer operators-token")
        #expect(first.header("closter-tenant") == nil)
        #expect(
            first.text == #"{"slug":"acme","name":"Acme","currency":"PLN","time_zone":"Europe/Warsaw"}"#)
        #expect(transport.requests.dropFirst().allSatisfy { $0.header("closter-tenant") == "acme" })
        #expect(transport.requests.count == 4)
    }

    @Test func `tenant create is content with an existing one only if it is told so`() async {
        let transport = FakeTransport { _, _ in .json(200, #"{"id":"tenant_x","events":[]}"#) }
        let arguments = ["tenant", "create", "acme", "--currency", "PLN", "--time-zone", "Europe/Warsaw"]

        let strict = await closter(arguments, transport: transport)
        #expect(strict.status == 2)
        #expect(strict.err == "closter: the tenant acme exists already\n")

        let content = await closter(arguments + ["--if-missing"], transport: transport)
        #expect(content.status == 0)
        #expect(content.out == "exists acme\n")
    }

    @Test func `key create prints the key and nothing else`() async throws {
        let transport = FakeTransport { _, _ in .json(201, #"{"id":"key_1","key":"cpk_demo_abc"}"#) }

        let run = await closter(
            [
                "key", "create", "--kind", "secret", "--name", "Back end", "--permission", "offers:create",
                "--permission", "orders:create", "--tenant", "acme",
            ], transport: transport)

        #expect(run.out == "cpk_demo_abc\n")
        #expect(run.err.isEmpty)
        let request = try #require(transport.requests.first)
        #expect(request.header("closter-tenant") == "acme")
        #expect(
            request.text
                == #"{"kind":"secret","name":"Back end","permissions":["offers:create","orders:create"],"allowed_origins":[]}"#
        )
    }

    @Test func `members are added and removed by their subject`() async throws {
        let transport = FakeTransport { _, _ in .json(200, "{}") }

        _ = await closter(["tenant", "member", "add", "ann", "--permission", "items:write"], transport: transport)
        _ = await closter(["tenant", "member", "remove", "ann/b c"], transport: transport)
        _ = await closter(["tenant", "member", "add", "jan", "--role", "intake"], transport: transport)
        _ = await closter(
            ["tenant", "set", "return_days=30", "sku_pattern={seq:6}", "hold_hours=", #"features={"a":true}"#],
            transport: transport)

        #expect(
            transport.requests.map { "\($0.method) \($0.url) \($0.text)" } == [
                #"POST http://command.test/v1/members {"subject":"ann","name":"ann","permissions":["items:write"]}"#,
                "DELETE http://command.test/v1/members/ann%2Fb%20c ",
                #"POST http://command.test/v1/members {"subject":"jan","name":"jan","role":"intake","permissions":[]}"#,
                #"PATCH http://command.test/v1/tenant {"return_days":30,"sku_pattern":"{seq:6}","hold_hours":null,"#
                    + #""features":{"a":true}}"#,
            ])
        #expect(await closter(["tenant", "set", "return_days"], transport: transport).status == 2)
    }

    @Test func `key rotate prints the new key and nothing else`() async throws {
        let transport = FakeTransport { _, _ in .json(201, #"{"key_id":"key_2","key":"cpk_demo_new"}"#) }
        let run = await closter(["key", "rotate", "key_1", "--grace-hours", "2"], transport: transport)

        #expect(run.out == "cpk_demo_new\n")
        #expect(
            transport.requests.map { "\($0.method) \($0.url) \($0.text)" } == [
                #"POST http://command.test/v1/keys/key_1/rotate {"grace_hours":2}"#
            ])
    }

    @Test func `a refusal is told with its fields and ends with 2`() async {
        let transport = FakeTransport { _, _ in
            .json(
                422,
                #"{"title":"Invalid","status":422,"detail":"a field is wrong","errors":[{"pointer":"/name","detail":"is empty"}]}"#
            )
        }

        let run = await closter(["key", "create", "--kind", "secret", "--name", ""], transport: transport)

        #expect(run.status == 2)
        #expect(run.out.isEmpty)
        #expect(run.err == "closter: Invalid: a field is wrong (/name: is empty)\n")
        #expect(transport.requests.count == 1)
    }

    @Test func `what is unavailable or breaks off is repeated under one key`() async throws {
        // given a service that is away, breaks off, and then answers
        let transport = FakeTransport { _, number throws(TransportFailure) in
            switch number {
            case 1: return .json(503, #"{"title":"Unavailable","status":503}"#, headers: [("Retry-After", "2")])
            case 2: throw TransportFailure(kind: .broken, message: "the connection broke off")
            default: return .json(200, "{}")
            }
        }

        // when
        let run = await closter(["key", "revoke", "k1"], transport: transport)

        // then
        #expect(run.status == 0)
        #expect(run.pauses.first == .seconds(2))
        let keys = transport.requests.map { $0.header("idempotency-key") }
        #expect(keys.count == 3)
        #expect(try Set(keys.map { try #require($0) }).count == 1)
    }

    @Test func `a service that stays away ends with 2 after a bounded number of tries`() async {
        let transport = FakeTransport { _, _ throws(TransportFailure) in
            throw TransportFailure(kind: .unreachable, message: "no connection")
        }

        let run = await closter(["key", "revoke", "k1"], transport: transport)

        #expect(run.status == 2)
        #expect(
            run.err
                == "closter: cannot reach the command service at http://command.test: no connection (is it running?)\n")
        #expect(transport.requests.count == ServiceClient.attempts)
    }

    @Test func `an answer that is not JSON is named as such`() async {
        let transport = FakeTransport { _, _ in .json(200, "<html>") }
        let run = await closter(["key", "revoke", "k1"], transport: transport)
        #expect(run.status == 2)
        #expect(run.err.contains("something else than JSON"))
    }
}
