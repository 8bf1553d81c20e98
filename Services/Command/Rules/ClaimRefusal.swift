/// What a claim that did not hold means, in the words of the business.
enum ClaimRefusal: Refusal {
    case skuTaken(String)
    case itemHasOpenListing
    case itemAlreadyListed
    case itemSold
    /// Another import got there first; reading the state again shows what it did.
    case alreadyImported
    case consignorNumberTaken
    case itemsInCustody
    case contractsOpen
    case locationCodeTaken(String)
    case itemOnContract
    case itemUnderContract
    case contractNumberTaken
    case other(kind: String)

    /// - Parameter wasGuard: the claim was to be absent, not to be taken.
    init(kind: String, value: String, wasGuard: Bool) {
        self =
            switch (kind, wasGuard) {
            case (ClaimKind.sku, _): .skuTaken(value)
            case (ClaimKind.openListing, true): .itemHasOpenListing
            case (ClaimKind.openListing, false): .itemAlreadyListed
            case (ClaimKind.soldItem, _): .itemSold
            case (ClaimKind.locationCode, _): .locationCodeTaken(value)
            case (ClaimKind.contractItem, true): .itemUnderContract
            case (ClaimKind.contractItem, false): .itemOnContract
            case (ClaimKind.contractNumber, _): .contractNumberTaken
            case (ClaimKind.importItem, _), (ClaimKind.importListing, _): .alreadyImported
            case (ClaimKind.consignorNumber, _): .consignorNumberTaken
            case (ClaimKind.custody, true): .itemsInCustody
            case (ClaimKind.consignorContract, true): .contractsOpen
            default: .other(kind: kind)
            }
    }

    var code: String {
        switch self {
        case .skuTaken: "sku_taken"
        case .itemHasOpenListing: "item_has_open_listing"
        case .itemAlreadyListed: "item_already_listed"
        case .itemSold: "item_sold"
        case .alreadyImported: "already_imported"
        case .consignorNumberTaken: "number_taken"
        case .itemsInCustody: "items_in_custody"
        case .contractsOpen: "contracts_open"
        case .locationCodeTaken: "location_code_taken"
        case .itemOnContract, .itemUnderContract: "item_on_contract"
        case .contractNumberTaken: "number_taken"
        case .other: "already_taken"
        }
    }

    var detail: String {
        switch self {
        case .skuTaken(let sku): "another item has the SKU \(sku.quoted)"
        case .itemHasOpenListing: "the item has an open listing"
        case .itemAlreadyListed: "the item has an open listing on this channel"
        case .itemSold: "the item was sold"
        case .alreadyImported: "the variant was imported already"
        case .consignorNumberTaken: "another consignor has this number"
        case .itemsInCustody: "the shop has things of the consignor"
        case .contractsOpen: "a contract of the consignor is not over"
        case .locationCodeTaken(let code): "another open location has the code \(code.quoted)"
        case .itemOnContract: "an item is on another contract"
        case .itemUnderContract: "the item is on a contract: take it off, or end that first"
        case .contractNumberTaken: "another contract has this number"
        case .other(let kind): "another holds this \(kind)"
        }
    }

    var pointer: String? {
        switch self {
        case .skuTaken: "/sku"
        case .locationCodeTaken: "/code"
        case .itemAlreadyListed: "/item_id"
        case .consignorNumberTaken, .contractNumberTaken: "/number"
        case .itemOnContract: "/items"
        case .itemHasOpenListing, .itemSold, .alreadyImported, .itemsInCustody, .contractsOpen, .itemUnderContract,
            .other:
            nil
        }
    }
}
