import Edge
import JSON

/// What `ImportRoutes` offers.
enum ImportDescription: APIWords {
    static let paths: JSONObject = [
        "/v1/imports": [
            "post": CommandDescription.write(
                "Import a file of products or of consignors, up to 64 MiB; the report tells what became of each line",
                .acceptance,
                parameters: [
                    choice("format", ImportRoutes.formats),
                    query("currency", CommandDescription.currency, "of the prices; the tenant's where it is left out"),
                    query(
                        "publish", ["type": "boolean", "default": false], "publish what the file calls published"),
                    query(
                        "consignor_id", ["type": "string"],
                        "whose the products are of which the file's column Consignor says nothing; consignor_…"),
                ],
                body: .init(
                    ["type": "string", "description": "CSV in UTF-8: Shopify's of products, or ours of consignors"],
                    media: ImportRoutes.media))
        ]
    ]
}
