"""
Tokens of another issuer at a real daemon.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.auth.token.issuer import ISSUER, KINDS, REALM, SERVICE, Issuer, allowed, key_for, key_set
from tests.conftest import MakeDaemon
from tests.proofs.people import Person, push_image

EVERYTHING = allowed("a/b", "pull", "push", "delete")


def configuration(directory: Path) -> dict[str, Any]:
    """
    A registry that takes the tokens of an issuer with a key for each algorithm.
    """
    keys = [json.loads(key_set(key_for(name), kid=name))["keys"][0] for name in KINDS]
    path = directory / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    names = {"realm": REALM, "issuer": ISSUER, "service": SERVICE, "jwks": str(path)}
    return {"auth": {"token": names}}


def test_every_algorithm(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """
    With a token in each algorithm an image is pushed, pulled and deleted; without one, with one
    that has expired, and with one for another repository nothing goes.
    """
    daemon = make_daemon(configuration=configuration(tmp_path))
    assert len(KINDS) == 13
    for name in KINDS:
        issuer = Issuer(key_for(name), name, {"kid": name})
        good = Person(daemon.host, f"Bearer {issuer.token(EVERYTHING)}")
        image = push_image(good, "a/b", name.lower())
        good.manifest("a/b", name.lower()).expect(200)
        late = issuer.token(EVERYTHING, exp=int(time.time()) - 100)
        elsewhere = issuer.token(allowed("a/c", "pull", "push", "delete"))
        for bad in ("", f"Bearer {late}", f"Bearer {elsewhere}"):
            Person(daemon.host, bad).manifest("a/b", name.lower()).expect(401)
        good.delete(f"/v2/a/b/manifests/{image.digest}").expect(202)
        good.manifest("a/b", image.digest).expect(404)
