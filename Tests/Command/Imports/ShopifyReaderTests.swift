import EventSourcing
import JSON
import Testing

@testable import Command

@Suite struct ShopifyReaderTests {
    @Test func `a product without options is one item`() throws {
        let line = try #require(try lines(ShopifyFile(ShopifyFile.classic, ShopifyFile.shirt).text).first)
        let variant = try #require(line.variant)
        #expect(line.number == 2)
        #expect(variant.key == #"["ocean-blue-shirt","","",""]"#)
        #expect(
            variant.values == [
                "title": "Ocean Blue Shirt", "description": "Ocean blue cotton shirt.", "brand": "partners-demo",
                "category": "Shirt", "sku": .null, "size": .null, "color": .null, "material": .null,
                "photos": ["https://cdn.example/shirt.jpg"],
            ])
        #expect(variant.attributes["tags"] == ["men", "summer"])
        #expect(variant.attributes["variant_grams"] == "0")
        #expect(variant.attributes["variant_weight_unit"] == "kg")
        #expect(variant.attributes["seo_title"] == .null)
        #expect(variant.price == pln(5000))
        #expect(variant.isPublished == true)
        #expect(variant.notes == [])
    }

    @Test func `one item per variant; later rows take what is the product's from the first`() throws {
        var file = ShopifyFile()
        file.rows = ShopifyFile.top
        let variants = try lines(file.text).compactMap(\.variant)
        #expect(variants.map(\.key) == ["Small", "Medium", "Large"].map { #"["top","\#($0)","",""]"# })
        #expect(variants.map { $0.values["size"] } == ["Small", "Medium", "Large"])
        #expect(variants.map(\.price) == [pln(6000), pln(6150), pln(6200)])
        for variant in variants {
            #expect(variant.values["title"] == "Varsity Top")
            #expect(variant.values["photos"] == ["https://cdn.example/top.jpg"])
            #expect(variant.attributes["tags"] == ["women"])
            #expect(variant.attributes["gift_card"] == "false")
            #expect(variant.isPublished == true)
        }
    }

    @Test func `the current dialect, shuffled, says the same`() throws {
        let names = [
            "Handle": "URL handle", "Body (HTML)": "Description", "Published": "Published on online store",
            "Variant SKU": "SKU", "Variant Price": "Price", "Variant Inventory Qty": "Inventory quantity",
            "Image Src": "Product image URL", "Image Position": "Image position", "Option1 Name": "Option1 name",
            "Option1 Value": "Option1 value", "Variant Image": "Variant image URL",
        ]
        var classic = ShopifyFile()
        classic.rows = ShopifyFile.top + [ShopifyFile.shirt]
        var random = SplitMix(seed: 1)
        var current = ShopifyFile(ShopifyFile.current.shuffled(using: &random))
        current.rows = classic.rows.map { row in
            Dictionary(uniqueKeysWithValues: row.map { (names[$0.key] ?? $0.key, $0.value) })
        }
        let left = try lines(classic.text).compactMap(\.variant)
        let right = try lines(current.text).compactMap(\.variant)
        #expect(left.count == 4)
        #expect(left.map(\.key) == right.map(\.key))
        #expect(left.map(\.values) == right.map(\.values))
        #expect(left.map(\.price) == right.map(\.price))
        #expect(left.map(\.isPublished) == right.map(\.isPublished))
    }

    @Test func `a consignor's number holds for its product, is no attribute, and a name is not quoted`() throws {
        let header = ["Handle", "Title", "Option1 Value", "Price", "Consignor"]
        func row(_ size: String, _ consignor: String, title: String = "Top") -> [String: String] {
            ["Handle": "top", "Title": title, "Option1 Value": size, "Price": "1", "Consignor": consignor]
        }
        var file = ShopifyFile(header, row("S", "K-1"), row("M", ""), row("L", " K/2 "))
        let variants = try lines(file.text).compactMap(\.variant)
        #expect(variants.map(\.consignor) == ["K-1", "K-1", "K/2"])
        #expect(variants.allSatisfy { $0.attributes["consignor"] == nil })
        file.rows = [row("S", "Anna Kowalska")]
        let content = try #require(try lines(file.text).first).content
        #expect(
            content == .rejected("the consignor must be of letters, digits and -_./, with a digit among them"))
        file.rows = [row("S", "")]
        #expect(try lines(file.text).compactMap(\.variant).map(\.consignor) == [nil])
    }

    @Test func `an attribute has one key in both dialects`() throws {
        for (left, right) in [
            ("Variant Inventory Qty", "Inventory quantity"), ("Variant Barcode", "Barcode"),
            ("Variant Compare At Price", "Compare-at price"), ("Variant Grams", "Weight value (grams)"),
            ("Variant Weight Unit", "Weight unit for display"), ("Variant Taxable", "Charge tax"),
            ("Variant Inventory Policy", "Continue selling when out of stock"), ("Cost per item", "Cost per item"),
            ("Google Shopping / MPN", "Google Shopping / Manufacturer part number (MPN)"),
        ] {
            func attributes(_ column: String) throws -> JSONObject? {
                let row = ["Handle": "a", "Title": "A", "Price": "1", column: "1"]
                return try lines(ShopifyFile(["Handle", "Title", "Price", column], row).text).first?.variant?.attributes
            }
            #expect(try attributes(left) == attributes(right), "\(right)")
        }
    }

    @Test func `published means what both columns say`() throws {
        func published(_ cells: [String: String], _ header: [String] = ShopifyFile.current) throws -> ImportVariant? {
            var row = ["URL handle": "a", "Title": "A", "Price": "1"]
            row.merge(cells) { $1 }
            return try lines(ShopifyFile(header, row).text).first?.variant
        }
        let column = "Published on online store"
        #expect(try published([column: "TRUE", "Status": "active"])?.isPublished == true)
        #expect(try published([column: "true"])?.isPublished == true)
        #expect(try published([column: "true", "Status": "Draft"])?.isPublished == false)
        #expect(try published([column: "true", "Status": "archived"])?.isPublished == false)
        #expect(try published([column: "false", "Status": "active"])?.isPublished == false)
        #expect(try published([:])?.isPublished == false)
        let odd = try published([column: "maybe"])
        #expect(odd?.isPublished == false)
        #expect(odd?.notes == ["whether it is published reads \"maybe\", which is neither true nor false"])
        #expect(try published([:], ["URL handle", "Title", "Price"])?.isPublished == nil)
    }

    @Test func `options become fields in either language, the others attributes`() throws {
        let file = ShopifyFile(
            ShopifyFile.classic,
            [
                "Handle": "a", "Title": "A", "Variant Price": "1", "Option1 Name": "Rozmiar", "Option1 Value": "M",
                "Option2 Name": "Colour", "Option2 Value": "Red", "Option3 Name": "Długość", "Option3 Value": "70 cm",
            ],
            ["Handle": "a", "Variant Price": "2", "Option1 Value": "L", "Option2 Value": "Red"],
            [
                "Handle": "b", "Title": "B", "Variant Price": "1", "Option1 Name": "Size", "Option1 Value": "M",
                "Option2 Name": "Rozmiar", "Option2 Value": "38", "Option3 Name": "Tags", "Option3 Value": "x",
            ])
        let variants = try lines(file.text).compactMap(\.variant)
        try #require(variants.count == 3)
        #expect(variants[0].values["size"] == "M" && variants[0].values["color"] == "Red")
        #expect(variants[0].attributes["długość"] == "70 cm")
        #expect(variants[1].values["size"] == "L" && variants[1].attributes["długość"] == nil)
        #expect(variants[1].key == #"["a","L","Red",""]"#)
        #expect(variants[2].values["size"] == "M" && variants[2].attributes["rozmiar"] == "38")
        #expect(variants[2].attributes["tags_2"] == "x" && variants[2].attributes["tags"] == .null)
    }

    @Test func `conditions: ours by name, others are kept as they are`() throws {
        func condition(_ text: String, _ column: String) throws -> ImportVariant? {
            try lines(
                ShopifyFile(
                    ShopifyFile.classic + ["Condition"],
                    ["Handle": "a", "Title": "A", "Variant Price": "1", column: text]
                ).text
            ).first?.variant
        }
        #expect(try condition("Very good", "Condition")?.values["condition"] == "very_good")
        #expect(try condition("new_with_tags", "Google Shopping / Condition")?.values["condition"] == "new_with_tags")
        let used = try condition("used", "Google Shopping / Condition")
        #expect(used?.values["condition"] == nil)
        #expect(used?.attributes["google_shopping_condition"] == "used")
        #expect(try condition("good", "Condition")?.attributes["condition"] == .null)
    }

    @Test func `what a thing cost, and how many there are, is nothing for the public`() throws {
        var row = ShopifyFile.shirt
        row["Cost per item"] = "20"
        let variant = try lines(ShopifyFile(ShopifyFile.classic, row).text).first?.variant
        #expect(variant?.attributes["internal"] == ["cost_per_item": "20", "variant_inventory_qty": "1"])
        #expect(variant?.attributes["cost_per_item"] == nil)
    }

    @Test(arguments: ["0", "2", "-1", "abc", "1.5"])
    func `an inventory quantity other than one is said`(quantity: String) throws {
        var row = ShopifyFile.shirt
        row["Variant Inventory Qty"] = quantity
        let variant = try lines(ShopifyFile(ShopifyFile.classic, row).text).first?.variant
        #expect(variant?.notes == ["the inventory quantity is \"\(quantity)\", but a variant is one item here"])
        row["Variant Inventory Qty"] = nil
        #expect(try lines(ShopifyFile(ShopifyFile.classic, row).text).first?.variant?.notes == [])
    }

    // MARK: - Photos

    @Test func `rows of nothing but an image add photos to every variant, also to those before them`() throws {
        var file = ShopifyFile()
        file.rows = ShopifyFile.top
        file.rows[1]["Variant Image"] = "https://cdn.example/medium.jpg"
        file.rows += [
            ["Handle": "top", "Image Src": "https://cdn.example/back.jpg", "Image Position": "3"],
            ["Handle": "top", "Image Src": "https://cdn.example/side.jpg", "Image Position": "2"],
            ["Handle": "top", "Image Src": "http://cdn.example/plain.jpg", "Image Position": "4"],
            ["Handle": "other", "Image Src": "https://cdn.example/x.jpg"],
        ]
        let lines = try lines(file.text)
        let photos = lines.compactMap(\.variant).map { $0.values["photos"] }
        let all: [JSONValue] = ["top", "side", "back"].map { "https://cdn.example/\($0).jpg" }
        #expect(photos == [.array(all), .array(["https://cdn.example/medium.jpg"] + all), .array(all)])
        #expect(lines[3].note == "a photo for the variants of this handle")
        #expect(lines[5].rejection == "the photo \"http://cdn.example/plain.jpg\" is not an absolute https URL")
        #expect(lines[6].rejection == "no row of this handle describes a variant")
    }

    @Test func `a bad photo costs itself, not the item`() throws {
        var row = ShopifyFile.shirt
        row["Image Src"] = "shirt.jpg"
        let variant = try lines(ShopifyFile(ShopifyFile.classic, row).text).first?.variant
        #expect(variant?.values["photos"] == [])
        #expect(variant?.notes == ["the photo \"shirt.jpg\" is not an absolute https URL"])
    }

    // MARK: - Order of rows

    @Test func `a handle may return later in the file, and its title with it`() throws {
        var file = ShopifyFile()
        let image = ["Handle": "top", "Image Src": "https://cdn.example/back.jpg", "Image Position": "2"]
        file.rows = [
            ShopifyFile.top[1], ShopifyFile.shirt, ShopifyFile.top[0], image, ShopifyFile.shirt, ShopifyFile.top[2],
        ]
        let lines = try lines(file.text)
        let tops = [0, 2, 5].map { lines[$0].variant }
        #expect(tops.map { $0?.values["title"] } == ["Varsity Top", "Varsity Top", "Varsity Top"])
        #expect(tops.map { $0?.values["size"] } == ["Medium", "Small", "Large"])
        let photos: JSONValue = ["https://cdn.example/top.jpg", "https://cdn.example/back.jpg"]
        #expect(tops.map { $0?.values["photos"] } == [photos, photos, photos])
        #expect(lines.map { $0.variant?.earlier } == [nil, nil, nil, nil, 3, nil])
    }

    @Test func `rows that cannot be imported cost themselves and no other`() throws {
        var file = ShopifyFile()
        file.rows = [
            ["Handle": "a", "Variant Price": "1"], ["Title": "B", "Variant Price": "1"],
            ["Handle": "c", "Title": "C", "Variant Price": "1.234"], ["Handle": "d", "Title": "D"],
            ["Handle": "e", "Title": String(repeating: "x", count: 201), "Variant Price": "1"],
            ["Handle": String(repeating: "f", count: 1000), "Title": "F", "Variant Price": "1"],
            ["Handle": "g", "Title": "G", "Variant Price": "1"],
        ]
        let lines = try lines(file.text + ",,,\r\nh,H\r\n")
        #expect(
            lines.map(\.rejection) == [
                "the title is missing", "the handle is missing",
                "the price \"1.234\" is ambiguous: its separator may group thousands or begin the decimals",
                "the price is missing", "the title must not be longer than 200 characters",
                "the handle and the option values are too long", nil, "the row has 2 cells, the header has 28",
            ])
        #expect(lines.map(\.number) == [2, 3, 4, 5, 6, 7, 8, 10])
    }

    @Test func `broken bytes cost their row`() throws {
        var file = ShopifyFile()
        file.rows = ShopifyFile.top
        var bytes = Array(file.text.utf8)
        bytes.replace(Array("Medium".utf8), with: Array("Me".utf8) + [0xFF], maxReplacements: 1)
        let lines = try lines(bytes)
        #expect(lines.map { $0.variant != nil } == [true, false, true])
        #expect(lines[1].rejection == "cell 9 is not UTF-8")
    }

    // MARK: - The header

    @Test func `missing columns are named`() {
        #expect(throws: ImportProblem.columns(.missing(["Handle (or URL handle)", "Variant Price (or Price)"]))) {
            try lines("Title,Vendor\nA,B\n")
        }
        #expect(throws: ImportProblem.empty) { try lines("") }
        #expect(throws: ImportProblem.empty) { try lines("\n\n") }
        #expect(throws: ImportProblem.header(.notUTF8(column: 1))) { try lines([0xFF, 0xFE, 0x48, 0x00, 0x0A]) }
        #expect(throws: ImportProblem.columns(.twice("Price", "Variant Price"))) {
            try lines("Handle,Title,Price,Variant Price\n")
        }
        #expect(ImportProblem.columns(.missing(["A", "B"])).reason == "the file has no column A, no column B")
    }

    @Test func `a header alone, names in any case, semicolons, a byte order mark`() throws {
        #expect(try lines("Handle,Title,Price\n") == [])
        let text = "\u{FEFF} HANDLE ;title;  variant   price;;Defects\na;A;1,50;x;moth\n"
        let variant = try lines(text).first?.variant
        #expect(variant?.price == pln(150))
        #expect(variant?.attributes == ["column_4": "x", "defects": "moth"])
        // What the file has no column for it does not speak of.
        #expect(variant?.values == ["title": "A"])
    }

    // MARK: - Bounds

    @Test func `chunks may be cut anywhere`() throws {
        var file = ShopifyFile()
        file.rows = [ShopifyFile.top[1], ShopifyFile.shirt] + ShopifyFile.top
        file.rows[1]["Body (HTML)"] = "<p>Line \"one\",\r\nzażółć</p>"
        let whole = try lines(file.text)
        for size in [1, 2, 3, 7, 64, 1000] { #expect(try lines(file.text, chunk: size) == whole) }
    }

    @Test func `a large file streams through`() throws {
        var survey = ShopifySurvey()
        let filler = String(repeating: "Soft wool. ", count: 40)
        func chunks(_ use: ([UInt8]) throws -> Void) throws {
            try use(Array("Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant Price\r\n".utf8))
            for number in 0..<1_000 {
                let handle = "top-\(number)"
                let rows = "\(handle),Top,\"\(filler)\",Size,S,1\r\n\(handle),,,,M,1\r\n\(handle),,\(filler),,L,1\r\n"
                try use(Array(rows.utf8))
            }
        }
        var bytes = 0
        try chunks {
            bytes += $0.count
            try survey.read($0)
        }
        try survey.finish()
        #expect(bytes > 900_000)
        var reader = ShopifyReader(survey, currency: zloty)
        var variants = 0
        try chunks { variants += try reader.read($0).count { $0.variant != nil } }
        variants += try reader.finish().count
        #expect(variants == 3_000)
    }

    @Test func `any bytes: no crash, a line for each row, in order`() throws {
        var random = SplitMix(seed: 23)
        let pieces =
            [
                "a", "b", "A", "1", "1.5", "1,234", ",", ",", ",", ",", "\n", "\n", "\r\n", "\"", "\"\"", "Title",
                "Default Title", "https://x.example/p", "true", "<p>", "&amp;", " ", "ł",
            ].map { Array($0.utf8) } + [[0xFF], [0x00]]
        let header = "Handle,Title,Price,Option1 Name,Option1 Value,Image Src,Variant Image,Tags,Published,Qty\n"
        for _ in 0..<3_000 {
            let body = (0..<Int.random(in: 0...60, using: &random)).flatMap { _ in
                pieces.randomElement(using: &random) ?? []
            }
            let lines = try lines(Array(header.utf8) + body)
            #expect(zip(lines, lines.dropFirst()).allSatisfy { $0.number < $1.number })
        }
    }
}
