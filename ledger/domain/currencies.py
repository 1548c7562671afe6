"""Currencies: which exist (ISO 4217), and how many decimals their minor unit has."""

from eventstore.errors import Refused

#: By the number of decimals; the funds codes and metals are left out.
_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
          CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
          KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
          NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
          TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS = {currency: exponent for exponent, listed in _BY_EXPONENT.items() for currency in listed.split()}


def exponent_of(currency: str) -> int:
    """The decimals of a currency's minor unit: 2 for EUR, 0 for JPY. Raises Refused."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise Refused(f"{currency} is not a currency of ISO 4217.", code="unknown_currency", status=422, currency=currency) from None
