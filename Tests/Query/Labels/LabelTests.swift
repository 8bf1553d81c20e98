import Documents
import Foundation
import JSON
import Testing

@testable import Query

@Suite struct LabelTests {
    /// The symbols of a barcode, told by the widths of bars and spaces.
    private func symbols(_ text: String) throws -> [String] {
        let widths = try #require(Code128(text)).widths
        return stride(from: 0, to: widths.count - 7, by: 6).map { start in
            widths[start..<start + 6].map(String.init).joined()
        } + [widths.suffix(7).map(String.init).joined()]
    }

    @Test func `bars say text one by one, and digits two by two`() throws {
        // "Wikipedia" is the example that everybody checks: start B, nine letters, check 88, stop.
        #expect(
            try symbols("Wikipedia") == [
                "211214", "311321", "142112", "241211", "142112", "111242", "112214", "141221",
                "142112", "121124", "421211", "2331112",
            ])
        // Start C, 12, 34, check 82, stop.
        #expect(try symbols("1234") == ["211232", "112232", "131123", "121241", "2331112"])
        #expect(try symbols("123").first == "211214")
        #expect(try #require(Code128("A123456B")).modules < (try #require(Code128("A12B456C")).modules))
        #expect(Code128("") == nil)
        #expect(Code128("Ż-1") == nil)
    }

    @Test func `a QR code has its corners, its clocks, its format, and as many modules as its version says`() throws {
        for (text, size) in [
            ("A", 21), ("2611-00042", 21), (String(repeating: "x", count: 40), 29),
            (String(repeating: "ż", count: 100), 57),
        ] {
            let code = try #require(QRCode(text))
            #expect(code.size == size)
            for (row, column) in [(0, 0), (0, size - 7), (size - 7, 0)] {
                let corner = (0..<7).map { down in
                    code.modules[row + down][column..<column + 7].map { $0 ? "#" : "." }.joined()
                }
                #expect(corner == ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"])
            }
            for index in 8..<size - 8 { #expect(code.modules[6][index] == (index % 2 == 0)) }
            #expect(code.modules[size - 8][8])
            // Both copies of the format say the same, and of level M.
            let first = (0..<6).map { code.modules[$0][8] } + [code.modules[7][8], code.modules[8][8]]
            #expect(first == (0..<8).map { code.modules[8][size - 1 - $0] })
            #expect([true, false] == [code.modules[8][0], code.modules[8][1]])
        }
        #expect(QRCode(String(repeating: "x", count: 213)) != nil)
        #expect(QRCode(String(repeating: "x", count: 214)) == nil)
    }

    @Test func `a sheet has a label at each place, and nothing of a text is markup`() throws {
        let label = LabelSheet.Label(sku: "A-1", title: "<b>Coat & \u{1}hat</b>", details: "Alba · 38")
        let sheet = LabelSheet.svg([label, label], .code128, first: 5)
        #expect(sheet.contains("&lt;b&gt;Coat &amp; hat&lt;/b&gt;"))
        #expect(sheet.contains(#"<svg x="140" y="37.125" width="70" height="37.125">"#))
        #expect(sheet.contains(#"<svg x="0" y="74.25" width="70" height="37.125">"#))
        // Too long for bars: a square all the same.
        let long = LabelSheet.Label(sku: String(repeating: "Ab", count: 40), title: "", details: "")
        #expect(LabelSheet.svg([long], .code128).contains("scale("))
        #expect(!sheet.contains("scale("))
    }

    @Test func `a member prints the labels of items`() async throws {
        try await QueryApp.with { app in
            let shop = try await app.shop()
            let coat = try await shop.catalogue.item(["title": "Coat", "sku": "C-1", "brand": "Alba"])
            let hat = try await shop.catalogue.item(["title": "Hat", "sku": "H-1"])
            let bare = try await shop.catalogue.item(["title": "No SKU"])
            let (c, h, b) = (coat.id.id("item"), hat.id.id("item"), bare.id.id("item"))
            let sheet = try await app.get("/v1/labels?items=\(h),\(c)&symbology=qr&first=24", of: shop)
            #expect(sheet.status == 400)
            let good = try await app.get("/v1/labels?items=\(h),\(c)&first=2", of: shop)
            #expect(good.status == 200)
            #expect(good["content-type"] == "image/svg+xml")
            #expect(good["closter-position"] != nil)
            let hats = try #require(good.text.range(of: ">H-1<")), coats = try #require(good.text.range(of: ">C-1<"))
            #expect(hats.lowerBound < coats.lowerBound)
            #expect(try await app.get("/v1/labels?items=\(c),\(b)", of: shop).pointers == ["/items"])
            #expect(try await app.get("/v1/labels?items=\(c),x", of: shop).pointers == ["/items"])
            #expect(try await app.get("/v1/labels", of: shop).pointers == ["/items"])
            #expect(try await app.get("/v1/labels?items=\(UUID().id("item"))", of: shop).status == 404)
            #expect(try await app.get("/v1/labels?items=\(c)", as: .storefront, of: shop).status == 403)
            #expect(try await app.get("/v1/labels?items=\(c)", of: app.shop("other")).status == 404)
        }
    }
}
