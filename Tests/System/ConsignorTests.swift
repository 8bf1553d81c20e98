import EventSourcing
import Foundation
import JSON
import Postgres
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Somebody of whom nothing may be found in the clear, and who is erased.
private enum Jan {
    static let name = "Żelisław Brzęczyszczykiewicz"
    static let mail = "zelislaw.brzeczyk@poczta.example"
    static let phone = "+48 601 735 924"
    static let street = "ul. Chrząszczyżewoszycka 17"
    static let city = "Łękołody"
    static let iban = "PL61109010140000071219812874"
    static let taxNumber = "5260250995"
    static let born = "1961-07-23"

    static let body: JSONValue = [
        "number": "K-0042", "name": .string(name), "mail": .string(mail), "phone": .string(phone),
        "birth_date": .string(born),
        "addresses": [["lines": [.string(street)], "city": .string(city), "country": "PL", "postal_code": "00-950"]],
        "payout": ["iban": .string(iban)],
        "tax": ["legal_type": "private_person", "country": "PL", "tax_number": .string(taxNumber)],
    ]

    static let texts = [name, mail, phone, street, city, iban, taxNumber, born]
}

@Suite(.serialized) struct ConsignorTests {
    private func read(_ instance: Instance, _ path: String) async throws -> Instance.Answer {
        let answer = try await instance.read(path)
        guard answer.status == 200 else { throw Instance.Failure("GET \(path): \(answer.text)") }
        return answer
    }

    private func register(_ instance: Instance, _ body: JSONValue = Jan.body) async throws -> String {
        try await instance.write("POST", "/v1/consignors", body)["id"].stringValue ?? ""
    }

    private func refused(_ instance: Instance, _ method: String, _ path: String, _ body: JSONValue)
        async throws -> Instance.Answer
    {
        let headers = instance.asOperator.merging(["Content-Type": "application/json"]) { $1 }
        let answer = try await instance.send(method, .command, path, headers, body: body.bytes)
        #expect(answer.status == 422, "\(answer.text)")
        return answer
    }

    private func outcomes(_ report: Instance.Answer) -> [String] {
        (report["lines"].arrayValue ?? []).compactMap { $0["outcome"]?.stringValue }
    }

    private func codes(_ answer: Instance.Answer) -> [String] {
        (answer["errors"].arrayValue ?? []).compactMap { $0["code"]?.stringValue }
    }

    @Test func `a consignor is registered, changed, found and read by those who may`() async throws {
        try await Instance.with { instance in
            let id = try await register(instance)
            let path = "/v1/consignors/\(id)"
            let first = try await read(instance, path)
            #expect(first["status"] == "active" && first["number"] == "K-0042" && first["version"] == 1)
            let personal = first["personal"]
            #expect(personal["name"]?.stringValue == Jan.name && personal["phone"]?.stringValue == Jan.phone)
            #expect(personal["payout"]?["iban"]?.stringValue == Jan.iban)
            #expect(personal["addresses"]?.arrayValue?.first?["city"]?.stringValue == Jan.city)
            #expect(first["tax"]["tax_number"]?.stringValue == Jan.taxNumber && first["tax"]["version"] == 1)
            #expect(first.headers["cache-control"]?.contains("no-store") == true)

            // What is so already is no event, however it was sealed; what changes is one event for each matter.
            let same = try await instance.write("PATCH", path, ["name": .string(Jan.name), "number": "K-0042"])
            #expect(same["events"].arrayValue?.isEmpty == true)
            let changed = try await instance.write(
                "PATCH", path,
                ["mail": nil, "store_credit": true, "payout": nil, "tax": ["vat_status": "not_registered"]])
            #expect(
                changed["events"].arrayValue?.compactMap { $0["type"]?.stringValue } == [
                    "ConsignorUpdated", "ConsignorPayoutChanged", "ConsignorTaxDeclared",
                ])
            let second = try await read(instance, path)
            #expect(second["personal"]["mail"]?.isNull == true && second["personal"]["payout"]?.isNull == true)
            #expect(second["store_credit"] == true && second["tax"]["version"] == 2)
            #expect(second["tax"]["tax_number"]?.stringValue == Jan.taxNumber)

            let document = String(repeating: "0a", count: 32)
            _ = try await instance.write(
                "POST", path + "/terms", ["document": .string(document), "method": "in_person"])
            #expect(try await read(instance, path)["terms"].arrayValue?.first?["document"]?.stringValue == document)

            let taken = try await refused(instance, "POST", "/v1/consignors", ["name": "Eve", "number": "K-0042"])
            #expect(codes(taken) == ["number_taken"])
            for query in [
                "q=zelisl+brzeczyszcz", "q=601735924", "q=k-0042", "number=K-0042", "status=active&q=zelis", "limit=1",
            ] {
                let found = try await read(instance, "/v1/consignors?\(query)")["data"].arrayValue ?? []
                #expect(found.compactMap { $0["id"]?.stringValue } == [id], "\(query)")
            }
            for query in ["q=kowalski", "q=zelisl+kowal", "number=K-42", "status=erased", "q=%2B"] {
                #expect(try await read(instance, "/v1/consignors?\(query)")["data"].arrayValue == [], "\(query)")
            }

            // What was opened for a search counts for the version it was opened at, and for no later one.
            _ = try await instance.write("PATCH", path, ["name": "Zenon Kowalski"])
            for (query, isFound) in [("q=zelisl", false), ("q=kowalski", true), ("q=601735924", true)] {
                let found = try await read(instance, "/v1/consignors?\(query)")["data"].arrayValue ?? []
                #expect(found.isEmpty != isFound, "\(query)")
            }

            // History tells that it happened, and not what was sealed.
            let history = try await read(instance, "/v1/streams/consignor/\(id)")
            let types = history["data"].arrayValue?.compactMap { $0["type"]?.stringValue } ?? []
            #expect(types.contains("ConsignorRegistered") && types.contains("ConsignorTermsAgreed"))
            for event in history["data"].arrayValue ?? [] {
                for name in ["contact", "tax", "payout"] { #expect(event["data"]?[name] == nil) }
            }
        }
    }

    @Test func `who has no consignors-read reads none, and who has no consignors-write writes none`() async throws {
        try await Instance.with { instance in
            let id = try await register(instance)
            for (subject, role) in [("vera", "viewer"), ("fred", "finance")] {
                _ = try await instance.write(
                    "POST", "/v1/members", ["subject": .string(subject), "role": .string(role)])
            }
            for path in ["/v1/consignors", "/v1/consignors/\(id)", "/v1/consignors?q=zelislaw"] {
                for headers in [try instance.asMember("vera"), instance.asStorefront, instance.asBackEnd] {
                    let answer = try await instance.read(path, headers)
                    #expect(answer.status == 403, "\(path)")
                    #expect(!answer.text.contains("Brz"))
                }
                #expect(try await instance.read(path, try instance.asMember("fred")).status == 200)
            }
            let headers = try instance.asMember("fred").merging(["Content-Type": "application/json"]) { $1 }
            for (path, body) in [
                ("/v1/consignors", Jan.body), ("/v1/consignors/\(id)/erase", ["reason": "requested"] as JSONValue),
            ] {
                #expect(try await instance.send("POST", .command, path, headers, body: body.bytes).status == 403)
            }
        }
    }

    @Test func `a file of products says who brings them, and the same file again changes nothing`() async throws {
        try await Instance.with { instance in
            let id = try await register(instance)
            let other = try await register(instance, ["name": "Ewa", "number": "K-0043"])
            let gone = try await register(instance, ["name": "Ola", "number": "K-0044"])
            _ = try await instance.write("POST", "/v1/consignors/\(gone)/erase", ["reason": "requested"])
            let file = """
                Handle,Title,Price,Consignor
                a,Coat,10,K-0043
                b,Hat,10,
                c,Belt,10,K-9999
                d,Scarf,10,K-0044
                """
            let query = "format=shopify&consignor_id=\(id)"
            let report = try await instance.importFile(file, query: query)
            #expect(report["consignor_id"].stringValue == id)
            #expect(outcomes(report) == ["created", "created", "rejected", "rejected"])
            let reasons = report["lines"].arrayValue?.compactMap { $0["reason"]?.stringValue }
            let unlisted = "a consignor's: to be listed once it is under contract"
            #expect(
                reasons == [
                    unlisted, unlisted, "there is no consignor with this number", "there is no such consignor",
                ])
            try await eventually("the items are projected") {
                try await read(instance, "/v1/items")["data"].arrayValue?.count == 2
            }
            for (query, titles) in [
                ("consignor_id=\(other)", ["Coat"]), ("consignor_id=\(id)", ["Hat"]),
                ("title_holder=consignor", ["Hat", "Coat"]), ("title_holder=store", []),
            ] {
                let found = try await read(instance, "/v1/items?\(query)")["data"].arrayValue ?? []
                #expect(Set(found.compactMap { $0["title"]?.stringValue }) == Set(titles), "\(query)")
            }
            let before = try await read(instance, "/v1/events?category=item")["data"].arrayValue?.count
            let again = try await instance.importFile(file, query: query)
            #expect(outcomes(again) == ["unchanged", "unchanged", "rejected", "rejected"])
            #expect(try await read(instance, "/v1/events?category=item")["data"].arrayValue?.count == before)

            // What came in by it is in the shop, and stands in the way of an erasure.
            let no = try await refused(instance, "POST", "/v1/consignors/\(other)/erase", ["reason": "requested"])
            #expect(codes(no) == ["items_in_custody"])

            func send(_ query: String) async throws -> Instance.Answer {
                try await instance.send(
                    "POST", .command, "/v1/imports?\(query)",
                    instance.asOperator.merging(["Content-Type": "text/csv"]) { $1 }, body: Array(file.utf8))
            }
            let erased = try await send("consignor_id=\(gone)")
            #expect(erased.status == 422 && codes(erased) == ["consignor_unknown"])
            for query in ["consignor_id=K-0043", "format=consignors&consignor_id=\(id)"] {
                #expect(try await send(query).status == 400, "\(query)")
            }
            #expect(try await instance.tool(["verify"]).status == 0)
        }
    }

    @Test func `consignors come as a file, for those who may read them, and no name of theirs is a formula`()
        async throws
    {
        try await Instance.with { instance in
            let id = try await register(instance)
            _ = try await register(
                instance, ["name": "=HYPERLINK(\"x\")", "number": "K-7", "store_credit": true])
            for role in ["viewer", "intake"] {
                _ = try await instance.write("POST", "/v1/members", ["subject": .string(role), "role": .string(role)])
            }
            func file(_ query: String, as headers: [String: String]? = nil) async throws -> Instance.Answer {
                try await instance.read(
                    "/v1/consignors?\(query)", (headers ?? instance.asOperator).merging(["Accept": "text/csv"]) { $1 })
            }
            let whole = try await file("", as: try instance.asMember("intake"))
            #expect(whole.headers["content-type"] == "text/csv; charset=utf-8; header=present")
            #expect(whole.headers["content-disposition"] == "attachment; filename=\"consignors.csv\"")
            #expect(whole.headers["cache-control"] == "private, no-store" && whole.headers["etag"] == nil)
            let lines = whole.text.components(separatedBy: "\r\n")
            #expect(lines.count == 4 && lines[3].isEmpty)
            #expect(lines[0].hasPrefix("id,version,status,number,personal_name,personal_mail,personal_phone,"))
            #expect(lines[1].contains(#",K-7,"'=HYPERLINK(""x"")","#))
            #expect(lines[2].hasPrefix("\(id),"))
            // A telephone number begins with what begins a formula.
            for text in [Jan.name, Jan.mail, "'" + Jan.phone, Jan.iban, Jan.taxNumber, Jan.born] {
                #expect(lines[2].contains(",\(text),"), "\(text): \(lines[2])")
            }
            #expect(lines[2].contains(Jan.street))
            #expect(try await file("q=zelisl").text.components(separatedBy: "\r\n")[1] == lines[2])
            #expect(try await file("limit=1").text.components(separatedBy: "\r\n").count == 3)
            #expect(try await file("q=nobody").text == lines[0] + "\r\n")
            for headers in [try instance.asMember("viewer"), instance.asStorefront, instance.asBackEnd] {
                let no = try await file("", as: headers)
                #expect(no.status == 403 && !no.text.contains("Brz"))
            }
            _ = try await instance.write("POST", "/v1/consignors/\(id)/erase", ["reason": "requested"])
            let after = try await file("")
            #expect(after.text.contains("\(id),") && Jan.texts.allSatisfy { !after.text.contains($0) })
            try await expectNothing(in: instance)
        }
    }

    @Test func `a file of consignors, and a search, is longer than one portion, and holds everybody once`() async throws
    {
        try await Instance.with { instance in
            let rows = (1...1203).map { "N-\($0),Name \($0)" }.joined(separator: "\n")
            let report = try await instance.importFile("number,name\n\(rows)\n", query: "format=consignors")
            #expect(report["counts"]["created"] == 1203)
            for query in ["", "?q=name", "?q=name"] {
                let file = try await instance.read(
                    "/v1/consignors\(query)", instance.asOperator.merging(["Accept": "text/csv"]) { $1 })
                let lines = file.text.components(separatedBy: "\r\n").dropFirst().dropLast()
                #expect(lines.count == 1203 && Set(lines).count == 1203, "\(query)")
            }
            for (query, count) in [("n-77", 11), ("name+1203", 1), ("name+1", 315), ("name+12&limit=200", 15)] {
                var (numbers, next): ([String], String?) = ([], "")
                while let cursor = next {
                    let page = try await read(
                        instance, "/v1/consignors?q=\(query)" + (cursor.isEmpty ? "" : "&cursor=\(cursor)"))
                    numbers += page["data"].arrayValue?.compactMap { $0["number"]?.stringValue } ?? []
                    next = page["next"].stringValue
                }
                #expect(numbers.count == count && Set(numbers).count == count, "\(query): \(numbers.count)")
            }
        }
    }

    @Test func `pages follow one another, also where a search finds little`() async throws {
        try await Instance.with { instance in
            var ids: [String] = []
            for number in 1...7 {
                ids.insert(
                    try await register(instance, ["name": .string(number.isMultiple(of: 3) ? "Anna" : "Jan")]), at: 0)
            }
            for (query, wanted) in [("limit=3", ids), ("limit=1&q=anna", [ids[1], ids[4]])] {
                var (found, next): ([String], String?) = ([], "")
                while let cursor = next {
                    let page = try await read(
                        instance, "/v1/consignors?\(query)" + (cursor.isEmpty ? "" : "&cursor=\(cursor)"))
                    found += page["data"].arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
                    next = page["next"].stringValue
                }
                #expect(found == wanted, "\(query)")
            }
            let first = try await read(instance, "/v1/consignors?limit=1&q=anna")["next"].stringValue ?? ""
            #expect(try await instance.read("/v1/consignors?limit=1&q=jan&cursor=\(first)").status == 400)
        }
    }

    @Test func `two are merged: the one goes on for both, and both are erased with it`() async throws {
        try await Instance.with { instance in
            let merged = try await register(instance)
            let survivor = try await register(instance, ["name": "Jan B.", "number": "K-0043"])
            let into: JSONValue = ["into": .string(survivor)]
            let answer = try await instance.write("POST", "/v1/consignors/\(merged)/merge", into)
            #expect(answer["id"].stringValue == merged && answer["events"].arrayValue?.count == 2)
            #expect(try await read(instance, "/v1/consignors/\(merged)")["merged_into"].stringValue == survivor)
            #expect(
                try await read(instance, "/v1/consignors/\(survivor)")["absorbed"].arrayValue == [.string(merged)])
            for (path, body) in [
                ("/erase", ["reason": "requested"]),
                ("/terms", ["document": .string(String(repeating: "0a", count: 32)), "method": "paper"]),
            ] as [(String, JSONValue)] {
                let no = try await refused(instance, "POST", "/v1/consignors/\(merged)\(path)", body)
                #expect(codes(no) == ["consignor_merged"])
                #expect(no["detail"].stringValue?.contains(survivor) == true)
            }
            _ = try await instance.write("POST", "/v1/consignors/\(survivor)/erase", ["reason": "requested"])
            for id in [merged, survivor] {
                let erased = try await read(instance, "/v1/consignors/\(id)")
                #expect(erased["status"] == "erased" && erased["personal"].isNull, "\(erased.text)")
            }
            let (status, output) = try await instance.tool(["verify"])
            #expect(status == 0, "\(output)")
        }
    }

    @Test func `what stands in an erasure's way is said at once`() async throws {
        try await Instance.with { instance in
            let id = try await register(instance)
            let uuid = try #require(TypeID.uuid(of: id, prefix: "consignor"))
            let administrator = try await instance.database.connect()
            let item = UUID.version7()
            // As an item does that the shop has.
            try await administrator.execute([
                """
                INSERT INTO main.claims (tenant_id, kind, value, category, stream_id, position)
                SELECT tenant_id, 'custody', \(uuid.text + "/" + item.text), 'item', \(item), 1
                FROM main.aggregates WHERE stream_id = \(uuid)
                """
            ])
            _ = try await instance.write("PATCH", "/v1/consignors/\(id)", ["retain_until": "2999-12-31"])
            let no = try await refused(instance, "POST", "/v1/consignors/\(id)/erase", ["reason": "requested"])
            #expect(codes(no) == ["items_in_custody", "retained"])
            #expect(try await read(instance, "/v1/consignors/\(id)")["personal"]["name"]?.stringValue == Jan.name)
            try await administrator.execute(["DELETE FROM main.claims WHERE kind = 'custody'"])
            _ = try await instance.write("PATCH", "/v1/consignors/\(id)", ["retain_until": nil])
            _ = try await instance.write("POST", "/v1/consignors/\(id)/erase", ["reason": "requested"])
            #expect(try await read(instance, "/v1/consignors/\(id)")["status"] == "erased")
            await administrator.close()
        }
    }

    @Test func `who has a contract that is not over is not erased, nor who goes on for them`() async throws {
        try await Instance.with { instance in
            let id = try await register(instance)
            let contract = try await instance.write("POST", "/v1/contracts", ["consignor_id": .string(id)])["id"]
            let survivor = try await register(instance, ["name": "Ewa"])
            _ = try await instance.write("POST", "/v1/consignors/\(id)/merge", ["into": .string(survivor)])
            let erasure = "/v1/consignors/\(survivor)/erase"
            let no = try await refused(instance, "POST", erasure, ["reason": "requested"])
            #expect(codes(no) == ["contracts_open"])

            // Those that were there before contracts claimed anybody claim them by the migration.
            let administrator = try await instance.database.connect()
            try await administrator.execute(["DELETE FROM main.claims WHERE kind = 'consignor_contract'"])
            let file = "\(TestDatabase.migrations)/0024_finding_contracts.sql"
            try await administrator.simple("SET ROLE closter_owner;" + String(contentsOfFile: file, encoding: .utf8))
            await administrator.close()
            #expect(codes(try await refused(instance, "POST", erasure, ["reason": "requested"])) == ["contracts_open"])
            #expect(try await instance.tool(["verify"]).status == 0)

            _ = try await instance.write(
                "POST", "/v1/contracts/\(contract.stringValue ?? "")/terminate", ["reason": "changed her mind"])
            _ = try await instance.write("POST", erasure, ["reason": "requested"])
            let again = try await refused(
                instance, "POST", "/v1/contracts", ["consignor_id": .string(survivor)])
            #expect(codes(again) == ["consignor_unknown"])
            #expect(try await instance.tool(["verify"]).status == 0)
        }
    }

    /// Whatever comes first, nobody who was erased has a contract that is not over.
    @Test func `a contract that is drafted as its consignor is erased`() async throws {
        try await Instance.with { instance in
            for _ in 0..<8 {
                let id = try await register(instance, ["name": "Ewa"])
                let headers = instance.asOperator.merging(["Content-Type": "application/json"]) { $1 }
                func send(_ path: String, _ body: JSONValue) async throws -> Int {
                    try await instance.send("POST", .command, path, headers, body: body.bytes).status
                }
                async let drafted = send("/v1/contracts", ["consignor_id": .string(id)])
                async let erased = send("/v1/consignors/\(id)/erase", ["reason": "requested"])
                let statuses = try await [drafted, erased]
                #expect([[201, 422], [422, 200]].contains(statuses), "\(statuses)")
            }
        }
    }

    @Test func `of the erased nothing is found in a dump of the database and in the logs, in any encoding`()
        async throws
    {
        try await Instance.with { instance in
            let key = ["Idempotency-Key": "register-jan"]
            let first = try await instance.write("POST", "/v1/consignors", Jan.body, key)
            let id = first["id"].stringValue ?? ""
            let path = "/v1/consignors/\(id)"
            _ = try await instance.write("PATCH", path, ["phone": .string(Jan.phone + "0")])
            _ = try await read(instance, "/v1/consignors?q=zelislaw")
            _ = try await refused(
                instance, "PATCH", path, ["mail": .string(Jan.name), "birth_date": .string(Jan.name)])
            // Nor is it while they are there.
            try await expectNothing(in: instance)

            let erasure = try await instance.write("POST", path + "/erase", ["reason": "requested"])
            #expect(erasure["events"].arrayValue?.first?["type"] == "ConsignorErased")
            let erased = try await read(instance, path)
            #expect(erased["status"] == "erased" && erased["personal"].isNull && erased["tax"].isNull)
            let receipt = erased["erasure"]
            #expect(receipt["reason"] == "requested" && receipt["scopes"] == ["contact"])
            #expect(receipt["tax_kept_until"]?.stringValue?.hasSuffix("-12-31") == true)
            #expect(receipt["backups_expire"]?.stringValue != nil && receipt["at"]?.stringValue != nil)
            #expect(try await read(instance, "/v1/consignors?q=zelislaw")["data"].arrayValue == [])

            let administrator = try await instance.database.connect()
            let keys = try await administrator.query("SELECT scope, shred_after IS NOT NULL FROM main.person_keys")
            #expect(try keys.map { try $0.decode(0, as: String.self) } == ["tax"])
            #expect(try keys.map { try $0.decode(1, as: Bool.self) } == [true])
            await administrator.close()
            try await expectNothing(in: instance)

            // The first answer comes again, and it names nobody; doing it again is true already.
            let again = try await instance.write("POST", "/v1/consignors", Jan.body, key)
            #expect(again.headers["idempotency-replayed"] == "true" && again.text == first.text)
            #expect(
                try await instance.write("POST", path + "/erase", ["reason": "requested"])["events"].arrayValue == [])
            let no = try await refused(instance, "PATCH", path, ["name": "Jan"])
            #expect(codes(no) == ["consignor_erased"])
            for arguments in [["rebuild", "items"], ["verify"]] {
                let (status, output) = try await instance.tool(arguments)
                #expect(status == 0, "\(output)")
            }
        }
    }

    @Test func `an erasure that is killed before its key is shredded is finished by the next start`() async throws {
        try await Instance.with { instance in
            let id = try await register(instance)
            let person = try #require(TypeID.uuid(of: id, prefix: "consignor"))
            let administrator = try await instance.database.connect()
            func scopes() async throws -> [String] {
                try await administrator.query("SELECT scope FROM main.person_keys ORDER BY scope")
                    .map { try $0.decode(0, as: String.self) }
            }
            let waiting: SQL = """
                FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%shred_erased%'
                AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
                """
            // Somebody has the key's row locked: the erasure is durable, and its shredding waits.
            let holder = try await instance.database.connect()
            try await holder.simple("BEGIN")
            _ = try await holder.query("SELECT FROM main.person_keys WHERE person_id = \(person) FOR UPDATE")
            let erasing = Task {
                try? await instance.write("POST", "/v1/consignors/\(id)/erase", ["reason": "requested"])
            }
            try await eventually("the shredding waits") {
                try await !administrator.query("SELECT " + waiting).isEmpty
            }
            await instance.kill(.command)
            #expect(await erasing.value == nil)
            // The server would go on with what a session has begun, though nobody is there any more.
            _ = try await administrator.query("SELECT pg_terminate_backend(pid) " + waiting)
            try await eventually("the session is gone") {
                try await administrator.query("SELECT " + waiting).isEmpty
            }
            try await holder.simple("ROLLBACK")
            await holder.close()

            #expect(try await scopes() == ["contact", "tax"])
            let erased = try await read(instance, "/v1/consignors/\(id)")
            #expect(erased["status"] == "erased" && erased["personal"].isNull, "what is kept is not shown")

            try await instance.start(.command)
            try await eventually("the key is shredded") { try await scopes() == ["tax"] }
            try await expectNothing(in: instance)
            let again = try await instance.write("POST", "/v1/consignors/\(id)/erase", ["reason": "requested"])
            #expect(again["events"].arrayValue == [])
            let (status, output) = try await instance.tool(["verify"])
            #expect(status == 0, "\(output)")
            await administrator.close()
        }
    }

    @Test func `keys are wrapped by another master key, and no event is touched`() async throws {
        try await Instance.with { instance in
            func master(_ name: String, _ byte: UInt8) -> String {
                "\(name) \(Data(repeating: byte, count: 32).base64EncodedString())\n"
            }
            let id = try await register(instance)
            #expect(try await instance.tool(["personal", "status"]).status == 0)
            try instance.setMasterKeys(master("second", 2) + master("first", 1))
            for service in [Instance.Service.command, .query] {
                await instance.kill(service, SIGTERM)
                try await instance.start(service)
            }
            try await instance.ready(.query)
            let (before, told) = try await instance.tool(["personal", "status"])
            #expect(before == 1 && told.contains("first"), "\(told)")
            #expect(try await read(instance, "/v1/consignors/\(id)")["personal"]["name"]?.stringValue == Jan.name)

            let administrator = try await instance.database.connect()
            let events: SQL = "SELECT md5(string_agg(e::text, ',' ORDER BY position)) FROM main.events e"
            let log = try await administrator.query(events)[0].decode(0, as: String.self)
            let (status, output) = try await instance.tool(["personal", "rewrap"])
            #expect(status == 0 && output.contains("2 keys"), "\(output)")
            #expect(try await instance.tool(["personal", "status"]).status == 0)
            #expect(try await administrator.query(events)[0].decode(0, as: String.self) == log)
            await administrator.close()

            // Without the old one everything opens still.
            try instance.setMasterKeys(master("second", 2))
            await instance.kill(.query, SIGTERM)
            try await instance.start(.query)
            try await instance.ready(.query)
            #expect(try await read(instance, "/v1/consignors/\(id)")["personal"]["name"]?.stringValue == Jan.name)
            try instance.setMasterKeys(master("third", 3))
            let (failed, warned) = try await instance.tool(["personal", "rewrap"])
            #expect(failed == 1 && warned.contains("2 keys do not open"), "\(warned)")
        }
    }

    @Test func `a file of consignors goes in once, and leaves nothing of them in the clear`() async throws {
        try await Instance.with { instance in
            let header =
                "number,name,mail,phone,address_line_1,city,address_country,payout_iban,opening_balance,tax_number\n"
            func row(mail: String, balance: String) -> String {
                "K-0042,\(Jan.name),\(mail),\(Jan.phone),\(Jan.street),\(Jan.city),PL,\(Jan.iban),\(balance),\(Jan.taxNumber)\n"
            }
            let bad = "K-0043,\(Jan.name),\(Jan.name),,,,,\(Jan.iban)9,,\nK-0044,\(Jan.name),,,,,,,\(Jan.name),\n"
            let file = header + row(mail: Jan.mail, balance: "12.50") + bad + row(mail: Jan.mail, balance: "1")
            let first = try await instance.importFile(file, query: "format=consignors")
            #expect(outcomes(first) == ["created", "rejected", "rejected", "rejected"], "\(first.text)")
            let list = try await read(instance, "/v1/consignors?number=K-0042")
            let id = list["data"].arrayValue?.first?["id"]?.stringValue ?? ""
            let path = "/v1/consignors/\(id)"
            let imported = try await read(instance, path)
            #expect(imported["personal"]["name"]?.stringValue == Jan.name)
            #expect(imported["balance"] == ["amount": 1250, "currency": "PLN"])

            // The same again changes nothing; a changed one what changed in it, and never what was changed here.
            let again = try await instance.importFile(file, query: "format=consignors")
            #expect(outcomes(again) == ["unchanged", "rejected", "rejected", "rejected"])
            #expect(try await read(instance, path)["version"] == imported["version"])
            _ = try await instance.write("PATCH", path, ["phone": "+48 22 000 00 00"])
            let changed = try await instance.importFile(
                header + row(mail: "other@poczta.example", balance: "0").replacing(Jan.phone, with: Jan.phone + "1"),
                query: "format=consignors")
            #expect(outcomes(changed) == ["changed"])
            #expect(changed["lines"].arrayValue?.first?["reason"]?.stringValue?.contains("phone") == true)
            let after = try await read(instance, path)
            #expect(after["personal"]["mail"] == "other@poczta.example")
            #expect(after["personal"]["phone"] == "+48 22 000 00 00")
            #expect(after["balance"]["amount"] == 0 && after["opening_balance"]["amount"] == 0)

            try await expectNothing(in: instance)
            let administrator = try await instance.database.connect()
            let left = try await administrator.query(
                """
                SELECT (SELECT count(*) FROM main.import_chunks)
                     + (SELECT count(*) FROM main.person_keys WHERE scope = 'upload')
                """)
            #expect(try left[0].decode(0, as: Int.self) == 0)
            await administrator.close()

            // Whom the file names again, after they were erased, it does not bring back.
            _ = try await instance.write("POST", path + "/erase", ["reason": "requested"])
            let late = try await instance.importFile(file, query: "format=consignors")
            #expect(outcomes(late) == ["rejected", "rejected", "rejected", "rejected"])
            #expect(try await read(instance, path)["personal"].isNull)
            try await expectNothing(in: instance)
            let (status, output) = try await instance.tool(["verify"])
            #expect(status == 0, "\(output)")
        }
    }

    @Test func `a file of consignors takes the permission to write them, and is sealed while it waits`() async throws {
        try await Instance.with { instance in
            for (subject, permissions) in [("ida", ["imports:write"]), ("ben", ["imports:write", "consignors:write"])] {
                _ = try await instance.write(
                    "POST", "/v1/members",
                    ["subject": .string(subject), "permissions": .array(permissions.map(JSONValue.string))])
            }
            // The import waits: another process has the tenant's imports under way, as it seems.
            let administrator = try await instance.database.connect()
            _ = try await administrator.query(
                """
                SELECT pg_advisory_lock(hashtextextended('closter.imports.' || tenant_id, 0)) FROM closter.tenants
                """)
            let file = "number,name\nK-0042,\(Jan.name)\n" + String(repeating: "K-1,\(Jan.mail)\n", count: 20_000)
            for (subject, status) in [("ida", 403), ("ben", 202)] {
                let headers = try instance.asMember(subject).merging(["Content-Type": "text/csv"]) { $1 }
                let answer = try await instance.send(
                    "POST", .command, "/v1/imports?format=consignors", headers, body: Array(file.utf8))
                #expect(answer.status == status, "\(answer.text)")
            }
            _ = try await instance.write("POST", "/v1/consignors", ["name": "Eve", "number": "K-0042"])
            try await expectNothing(in: instance)
            await administrator.close()
        }
    }

    // MARK: - The canary

    private func expectNothing(in instance: Instance, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let dump = try await dump(of: instance.database)
        // That a dump would show what is there.
        #expect(Needles.contains("K-0042", in: dump) && dump.count > 100_000, sourceLocation: sourceLocation)
        let logs = instance.wholeLogs()
        #expect(logs.contains { Needles.contains("/v1/consignors", in: $0.bytes) }, sourceLocation: sourceLocation)
        for text in Jan.texts {
            for (encoding, needle) in Needles.of(text) {
                #expect(!Needles.contains(needle, in: dump), "\(text) as \(encoding)", sourceLocation: sourceLocation)
                for log in logs {
                    #expect(
                        !Needles.contains(needle, in: log.bytes), "\(text) as \(encoding) in the log of \(log.service)",
                        sourceLocation: sourceLocation)
                }
            }
        }
    }

    @Test func `the canary finds what it is there to find`() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.execute([
                """
                INSERT INTO main.import_chunks (tenant_id, import_id, chunk, bytes)
                VALUES (gen_random_uuid(), gen_random_uuid(), 0, \(PostgresBytes(Array(Jan.name.utf8))))
                """,
                """
                INSERT INTO main.import_lines (tenant_id, import_id, line, outcome, reason, correlation_id)
                VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'noted',
                        'mail=' || encode(\(PostgresBytes(Array("mail=\(Jan.mail);".utf8))), 'base64') || ' ' || \(Jan.city),
                        gen_random_uuid())
                """,
            ])
            await connection.close()
            let dump = try await dump(of: database)
            for (text, encodings) in [
                (Jan.name, ["hex"]), (Jan.city, ["plain"]), (Jan.mail, ["base64 at 2"]), (Jan.iban, []),
            ] {
                let found = Needles.of(text).filter { Needles.contains($0.needle, in: dump) }.map(\.encoding)
                #expect(Set(found).isSuperset(of: encodings) && found.isEmpty == encodings.isEmpty, "\(text): \(found)")
            }
        }
    }

    private func dump(of database: TestDatabase) async throws -> [UInt8] {
        // The programs of the server that tests run on, whatever others there are.
        let result = try await run(
            .path("/bin/bash"), arguments: ["-c", #""$(pg_config --bindir)/pg_dump" "$0""#, database.url()],
            output: .bytes(limit: 256 << 20), error: .string(limit: 1 << 20))
        guard case .exited(0) = result.terminationStatus else { throw Instance.Failure(result.standardError) }
        return result.standardOutput
    }
}

/// A text as somebody may have written it without meaning to.
private enum Needles {
    static func of(_ text: String) -> [(encoding: String, needle: [UInt8])] {
        let bytes = Array(text.utf8)
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
        }
        var all: [(String, [UInt8])] = [
            ("plain", bytes), ("lower case", Array(text.lowercased().utf8)), ("hex", Array(hex(bytes).utf8)),
            ("upper-case hex", Array(hex(bytes).uppercased().utf8)),
            ("UTF-16, little-endian", text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }),
            ("UTF-16, big-endian", text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }),
            ("JSON with escapes", Array(escaped(text).utf8)),
            ("URL", Array((text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text).utf8)),
            ("a form", Array((text.addingPercentEncoding(withAllowedCharacters: .urlQueryAllowed) ?? text).utf8)),
            ("folded", Array(folded(text).utf8)),
        ]
        // Base64 of it in the middle of something: three ways to fall into groups of three bytes.
        for offset in 0..<3 {
            let code = Array(Data(Array(repeating: 0, count: offset) + bytes).base64EncodedString().utf8)
            let inner = Array(code.dropFirst(4).dropLast(4))
            all.append(("base64 at \(offset)", inner))
            all.append(
                (
                    "base64url at \(offset)",
                    inner.map { $0 == UInt8(ascii: "+") ? 45 : $0 == UInt8(ascii: "/") ? 95 : $0 }
                ))
        }
        // As bytea is dumped, twice.
        all.append(("hex of base64", Array(hex(Array(Data(bytes).base64EncodedString().utf8.dropLast(4))).utf8)))
        return all.map { (encoding: $0.0, needle: $0.1) }
    }

    private static func escaped(_ text: String) -> String {
        text.utf16.map { unit in
            unit < 0x80
                ? String(UnicodeScalar(UInt8(unit))) : "\\u" + String(UInt32(unit) | 0x10000, radix: 16).dropFirst()
        }.joined()
    }

    private static func folded(_ text: String) -> String {
        text.folding(options: [.diacriticInsensitive, .caseInsensitive], locale: nil).replacing("ł", with: "l")
    }

    static func contains(_ text: String, in bytes: [UInt8]) -> Bool { contains(Array(text.utf8), in: bytes) }

    static func contains(_ needle: [UInt8], in bytes: [UInt8]) -> Bool {
        Data(bytes).range(of: Data(needle)) != nil
    }
}
