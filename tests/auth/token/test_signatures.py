"""
Whose tokens are taken: those of a second, independent issuer, and no attacker's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from tests.auth.token.issuer import (
    KINDS,
    Issuer,
    allowed,
    certified,
    claims,
    key_for,
    key_set,
    signed_again,
)
from tests.auth.token.kit import PULL, PUSH, judge
from txregistry.auth.token.jwks import parse_key_set
from txregistry.auth.token.keys import ALGORITHMS, fingerprint, key_of_jwk, thumbprint

MAY_PULL = allowed("a/b", "pull")


def b64(data: bytes) -> str:
    """
    Base64 as JOSE writes it.
    """
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict[str, Any], secret: bytes | None = None, **changes: Any) -> str:
    """
    A token that is made by hand, with an HMAC as its signature, or none.
    """
    parts = [json.dumps(header), json.dumps(claims(MAY_PULL, **changes))]
    signed = ".".join(b64(part.encode()) for part in parts)
    signature = hmac.digest(secret, signed.encode(), "sha256") if secret is not None else b""
    return f"{signed}.{b64(signature)}"


class AlgorithmTests:
    """
    Each key with its own algorithms.
    """

    def test_all_are_here(self) -> None:
        """
        No algorithm is missing from the tests.
        """
        assert set(KINDS) == set(ALGORITHMS)

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_taken(self, algorithm: str, tmp_path: Path) -> None:
        """
        A token is taken in every algorithm, and in none that the configuration leaves out.
        """
        key = key_for(algorithm)
        token = Issuer(key, algorithm, {"kid": "k"}).token(MAY_PULL)
        keys = key_set(key, kid="k")
        assert judge(tmp_path, keys=keys).takes(token)
        others = [name for name in ALGORITHMS if name != algorithm]
        assert judge(tmp_path, keys=keys, algorithms=others).error(token) == "invalid_token"

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_other_algorithms(self, algorithm: str, tmp_path: Path) -> None:
        """
        A key is not used with an algorithm of another kind of key, whatever the token says.
        """
        keys = key_set(key_for(algorithm), kid="k")
        judged = judge(tmp_path, keys=keys)
        for other in ALGORITHMS:
            if KINDS[other]["kty"] != KINDS[algorithm]["kty"]:
                token = Issuer(key_for(other), other, {"kid": "k"}).token(MAY_PULL)
                assert judged.error(token) == "invalid_token", other

    def test_named_algorithm(self, tmp_path: Path) -> None:
        """
        A key that names its one algorithm is used with no other.
        """
        key = key_for("RS256")
        judged = judge(tmp_path, keys=key_set(key, kid="k", alg="RS512"))
        assert judged.takes(Issuer(key, "RS512", {"kid": "k"}).token(MAY_PULL))
        assert judged.error(Issuer(key, "RS256", {"kid": "k"}).token(MAY_PULL)) == "invalid_token"

    def test_signature(self, tmp_path: Path) -> None:
        """
        Where only the signature is wrong, the challenge names no error, as with distribution.
        """
        mine = JWK.generate(kty="EC", crv="P-256")
        judged = judge(tmp_path, keys=key_set(key_for("ES256"), kid="k"))
        assert judged.error(Issuer(mine, "ES256", {"kid": "k"}).token(MAY_PULL)) == ""


class NameTests:
    """
    How a token names its key.
    """

    def test_certificate(self, tmp_path: Path) -> None:
        """
        The key of a certificate in the bundle has two names: that of RFC 7638, and libtrust's.
        """
        server = certified("token server")
        judged = judge(tmp_path, bundle=server.pem)
        public = server.key.public_key()
        names = (thumbprint(public), fingerprint(public))
        for name in names:
            assert judged.takes(Issuer(server.jwk, "ES256", {"kid": name}).token(MAY_PULL)), name
        assert names[0] == server.jwk.thumbprint()
        groups = names[1].split(":")
        assert len(groups) == 12
        assert {len(group) for group in groups} == {4}
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        expected = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
        assert "".join(groups) == expected

    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES512", "EdDSA"])
    def test_key_without_a_name(self, algorithm: str, tmp_path: Path) -> None:
        """
        So has a key in a set that has no name of its own.
        """
        key = key_for(algorithm)
        judged = judge(tmp_path, keys=key_set(key))
        issuer = Issuer(key, algorithm, {"kid": key.thumbprint()})
        assert judged.takes(issuer.token(MAY_PULL))

    def test_unknown(self, tmp_path: Path) -> None:
        """
        A key that is unknown, or not named at all, is not trusted, though there is but one.
        """
        key = key_for("ES256")
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        for header in ({}, {"kid": "other"}, {"kid": 1}, {"kid": ""}, {"kid": ["k"]}):
            assert judged.error(Issuer(key, "ES256", header).token(MAY_PULL)) == "invalid_token"

    def test_embedded_key_with_a_trusted_name(self, tmp_path: Path) -> None:
        """
        A trusted key's name in an embedded key chooses the trusted key.
        """
        key = key_for("ES256")
        embedded = json.loads(JWK.generate(kty="EC", crv="P-256").export_public())
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        issuer = Issuer(key, "ES256", {"jwk": {**embedded, "kid": "k"}})
        assert judged.takes(issuer.token(MAY_PULL))

    def test_private_keys_and_other_purposes(self, tmp_path: Path) -> None:
        """
        Of a private key in a set only the public part counts, and keys for something else, or
        that are too weak, are left out.
        """
        key = key_for("ES256")
        weak = JWK.generate(kty="RSA", size=1024, kid="weak")
        short = JWK(kty="oct", k=b64(b"secret"), kid="short")
        entries = [
            json.loads(key.export(private_key=True)) | {"kid": "private"},
            json.loads(key.export_public()) | {"kid": "cipher", "use": "enc"},
            json.loads(key.export_public()) | {"kid": "ops", "key_ops": ["encrypt"]},
            json.loads(weak.export_public()),
            json.loads(short.export()),
            {"kty": "future", "kid": "future"},
        ]
        judged = judge(tmp_path, keys=json.dumps({"keys": entries}).encode())
        assert judged.takes(Issuer(key, "ES256", {"kid": "private"}).token(MAY_PULL))
        for issuer in (
            Issuer(key, "ES256", {"kid": "cipher"}),
            Issuer(key, "ES256", {"kid": "ops"}),
            Issuer(weak, "RS256", {"kid": "weak"}),
        ):
            assert judged.error(issuer.token(MAY_PULL)) == "invalid_token"
        assert judged.error(forged({"alg": "HS256", "kid": "short"}, b"secret")) == "invalid_token"


class ChainTests:
    """
    Tokens that bring certificates.
    """

    ROOT = certified("root", authority=True)
    BETWEEN = certified("between", ROOT, authority=True)
    LEAF = certified("leaf", BETWEEN)

    def test_chain(self, tmp_path: Path) -> None:
        """
        A chain leads over others to the root; with one missing it doesn't.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        assert judged.takes(self.LEAF.issuer(self.BETWEEN).token(MAY_PULL))
        assert judged.takes(self.LEAF.issuer(self.BETWEEN, self.ROOT).token(MAY_PULL))
        assert judged.error(self.LEAF.issuer().token(MAY_PULL)) == "invalid_token"

    def test_trusted_themselves(self, tmp_path: Path) -> None:
        """
        A bundle may hold what is between, or the token server's own certificate.
        """
        for trusted in (self.BETWEEN, self.LEAF):
            judged = judge(tmp_path, bundle=trusted.pem)
            assert judged.takes(self.LEAF.issuer(self.BETWEEN).token(MAY_PULL))

    def test_in_an_embedded_key(self, tmp_path: Path) -> None:
        """
        The chain may stand in an embedded key, where libtrust puts it.
        """
        issuer = self.LEAF.issuer(self.BETWEEN)
        header = {"jwk": {**json.loads(issuer.key.export_public()), "x5c": issuer.header["x5c"]}}
        assert judge(tmp_path, bundle=self.ROOT.pem).takes(issuer.token(MAY_PULL, header=header))

    def test_strangers(self, tmp_path: Path) -> None:
        """
        A chain of an attacker's own, or one whose key didn't sign, is not trusted, whatever name
        the token gives besides.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        root = certified("root", authority=True)
        stranger = certified("leaf", root)
        name = self.ROOT.jwk.thumbprint()
        token = stranger.issuer(root).token(MAY_PULL)
        assert judged.error(token) == "invalid_token"
        header = {**stranger.issuer(root).header, "kid": name}
        assert judged.error(stranger.issuer(root).token(MAY_PULL, header=header)) == "invalid_token"
        header = self.LEAF.issuer(self.BETWEEN).header
        assert judged.error(stranger.issuer().token(MAY_PULL, header=header)) == ""

    def test_not_an_authority(self, tmp_path: Path) -> None:
        """
        What may not sign certificates vouches for nobody.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        issuer = certified("below", self.LEAF).issuer(self.LEAF, self.BETWEEN)
        assert judged.error(issuer.token(MAY_PULL)) == "invalid_token"

    @pytest.mark.parametrize("days", [(-20, -10), (10, 20)])
    def test_dates(self, days: tuple[int, int], tmp_path: Path) -> None:
        """
        A certificate counts neither before its time nor after it.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        token = certified("leaf", self.ROOT, days=days).issuer().token(MAY_PULL)
        assert judged.error(token) == "invalid_token"

    def test_broken_hash(self, tmp_path: Path) -> None:
        """
        A signature by way of a broken hash vouches for nothing; what is trusted itself needs none.
        """
        leaf = signed_again(certified("leaf", self.ROOT), self.ROOT, "sha1")
        token = leaf.issuer().token(MAY_PULL)
        assert judge(tmp_path, bundle=self.ROOT.pem).error(token) == "invalid_token"
        assert judge(tmp_path, bundle=leaf.pem).takes(token)

    def test_expires_while_remembered(self, tmp_path: Path) -> None:
        """
        A token is remembered no longer than its certificate counts.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        leaf = certified("leaf", self.ROOT, days=(-1, 100 / 86400))
        token = leaf.issuer().token(MAY_PULL)
        assert judged.takes(token)
        judged.clock.advance(110)
        assert judged.error(token) == "invalid_token"

    def test_any_usage(self, tmp_path: Path) -> None:
        """
        A certificate for something else counts too, as with distribution.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        leaf = certified("leaf", self.ROOT, usages=[ExtendedKeyUsageOID.CODE_SIGNING])
        assert judged.takes(leaf.issuer().token(MAY_PULL))

    def test_algorithm_of_the_key(self, tmp_path: Path) -> None:
        """
        The key of a certificate is used with its own algorithms only.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        secret = self.LEAF.key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        header = {"alg": "HS256", **self.LEAF.issuer(self.BETWEEN).header}
        assert judged.error(forged(header, secret)) == "invalid_token"

    @pytest.mark.parametrize(
        "chain", [["x"], [""], [b64(b"\x30\x00")], "text", [1], {}, ["AAAA"] * 11]
    )
    def test_nonsense(self, chain: Any, tmp_path: Path) -> None:
        """
        What is no chain is refused, though the key is named too.
        """
        key = key_for("ES256")
        judged = judge(tmp_path, bundle=self.ROOT.pem, keys=key_set(key, kid="k"))
        token = Issuer(key, "ES256", {"kid": "k", "x5c": chain}).token(MAY_PULL)
        assert judged.error(token) == "invalid_token"

    def test_no_roots(self, tmp_path: Path) -> None:
        """
        Without a bundle no chain is trusted.
        """
        judged = judge(tmp_path, keys=key_set(key_for("ES256")))
        assert judged.error(self.LEAF.issuer(self.BETWEEN).token(MAY_PULL)) == "invalid_token"

    def test_weak_certificate(self, tmp_path: Path) -> None:
        """
        A certificate with a weak key is not taken.
        """
        judged = judge(tmp_path, bundle=self.ROOT.pem)
        weak = certified("weak", self.ROOT, key=rsa.generate_private_key(65537, 1024))
        issuer = Issuer(weak.jwk, "RS256", {"x5c": [weak.der64]})
        assert judged.error(issuer.token(MAY_PULL)) == "invalid_token"


class AttackTests:
    """
    Tokens of attackers.
    """

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, ["none"], 0])
    @pytest.mark.parametrize("name", [{}, {"kid": "k"}])
    def test_no_signature(self, algorithm: Any, name: dict[str, str], tmp_path: Path) -> None:
        """
        A token that says it needs no signature isn't taken at its word.
        """
        judged = judge(tmp_path, keys=key_set(key_for("ES256"), kid="k"))
        token = forged({"alg": algorithm, "typ": "JWT", **name})
        assert judged.error(token) == "invalid_token"
        assert judged.error(token + "AAAA") == "invalid_token"

    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
    @pytest.mark.parametrize("form", ["pem", "der", "jwk", "empty"])
    def test_public_key_as_a_secret(self, algorithm: str, form: str, tmp_path: Path) -> None:
        """
        A public key, in whatever form, is not the secret of an HMAC; nor is nothing.
        """
        key = key_for(algorithm)
        public = key.get_op_key("verify")
        subject = PublicFormat.SubjectPublicKeyInfo
        secret = {
            "pem": public.public_bytes(Encoding.PEM, subject),
            "der": public.public_bytes(Encoding.DER, subject),
            "jwk": key.export_public().encode(),
            "empty": b"",
        }[form]
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        token = forged({"alg": "HS256", "typ": "JWT", "kid": "k"}, secret)
        assert judged.error(token) == "invalid_token"

    @pytest.mark.parametrize("place", ["embedded", "header", "both"])
    def test_own_key_with_a_trusted_name(self, place: str, tmp_path: Path) -> None:
        """
        A token's own key is never the one that it is verified with, though it has the name of a
        trusted one.
        """
        mine = JWK.generate(kty="EC", crv="P-256")
        embedded = json.loads(mine.export_public())
        header: dict[str, Any] = {"jwk": embedded}
        if place != "header":
            embedded["kid"] = "k"
        if place != "embedded":
            header["kid"] = "k"
        judged = judge(tmp_path, keys=key_set(key_for("ES256"), kid="k"))
        assert not judged.takes(Issuer(mine, "ES256", header).token(MAY_PULL))

    @pytest.mark.parametrize("where", ["jku", "x5u"])
    def test_elsewhere(self, where: str, tmp_path: Path) -> None:
        """
        Where a token says that keys are to be had, nobody goes.
        """
        mine = JWK.generate(kty="EC", crv="P-256")
        judged = judge(tmp_path, keys=key_set(key_for("ES256"), kid="k"))
        for name in ({}, {"kid": "k"}, {"kid": "mine"}):
            header = {where: "https://evil.example/", **name}
            assert not judged.takes(Issuer(mine, "ES256", header).token(MAY_PULL))

    @pytest.mark.parametrize(
        "header", [{"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": True}]
    )
    def test_extensions(self, header: dict[str, Any], tmp_path: Path) -> None:
        """
        What must be understood, and isn't, is refused.
        """
        key = key_for("HS256")
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        secret = base64.urlsafe_b64decode(key.get_op_key("verify") + "==")
        token = forged({"alg": "HS256", "kid": "k", **header}, secret)
        assert judged.error(token) == "invalid_token"
        assert judged.takes(forged({"alg": "HS256", "kid": "k"}, secret))

    @pytest.mark.parametrize("kind", ["refresh+jwt", "JWE", "", 1, None, "jwtx", ["JWT"]])
    def test_other_types(self, kind: Any, tmp_path: Path) -> None:
        """
        What says that it is something else than an access token is none.
        """
        key = key_for("ES256")
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        token = Issuer(key, "ES256").token(MAY_PULL, header={"kid": "k", "typ": kind})
        assert judged.error(token) == "invalid_token"

    @pytest.mark.parametrize("kind", ["jwt", "JWT", "at+jwt", "application/at+jwt"])
    def test_right_types(self, kind: str, tmp_path: Path) -> None:
        """
        The type may be written in each of its ways.
        """
        key = key_for("ES256")
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        token = Issuer(key, "ES256").token(MAY_PULL, header={"kid": "k", "typ": kind})
        assert judged.takes(token)

    def test_changed(self, tmp_path: Path) -> None:
        """
        A token in which any character has changed is not the token that was signed.
        """
        key = key_for("ES256")
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        token = Issuer(key, "ES256", {"kid": "k"}).token(MAY_PULL)
        assert judged.takes(token)
        for position in range(0, len(token), 5):
            other = "A" if token[position] != "A" else "B"
            assert not judged.takes(token[:position] + other + token[position + 1 :])

    def test_parts_of_others(self, tmp_path: Path) -> None:
        """
        The signature of one token doesn't make another one good.
        """
        key = key_for("ES256")
        judged = judge(tmp_path, keys=key_set(key, kid="k"))
        issuer = Issuer(key, "ES256", {"kid": "k"})
        less, more = issuer.token(MAY_PULL), issuer.token(allowed("a/b", "pull", "push"))
        mixed = ".".join([*more.split(".")[:2], less.split(".")[2]])
        assert judged.takes(less)
        assert judged.error(mixed, PULL, PUSH) == ""

    @given(st.sampled_from(ALGORITHMS), st.binary(max_size=300))
    def test_any_signature(self, algorithm: str, signature: bytes) -> None:
        """
        Whatever stands in the place of a signature is none, and is no trouble.
        """
        key = parse_key_set(key_set(key_for(algorithm), kid="k")).keys["k"]
        assert not key.has_signed(algorithm, b"signed", signature)

    @given(
        st.dictionaries(
            st.sampled_from(["kty", "crv", "n", "e", "x", "y", "k", "d", "use", "alg", "key_ops"]),
            st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "Ed448", "AQAB", "sig"])
            | st.text(max_size=9)
            | st.binary(max_size=66).map(b64)
            | st.lists(st.text(max_size=3), max_size=2)
            | st.none()
            | st.integers(),
        )
    )
    def test_any_key(self, jwk: dict[str, Any]) -> None:
        """
        Whatever a key set holds is a key, or is left out.
        """
        try:
            key = key_of_jwk(jwk)
        except ValueError:
            return
        assert key.algorithms <= set(ALGORITHMS)
