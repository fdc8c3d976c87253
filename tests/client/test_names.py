"""People call cameras and networks what they like: the one that is meant is found, or nobody is."""

from __future__ import annotations

import pytest

from blink_archive.client.names import find_cameras, find_networks, fold, network_name
from blink_archive.errors import UsageError
from blink_archive.model import Homescreen
from blink_archive.protocol.system import parse_homescreen

NETWORKS = {1: "House", 2: "Cottage", 3: "Straße", 4: "house/garage"}
CAMERAS = [
    ("cameras", 11, 1, "Front Door"),
    ("owls", 12, 1, "Kitchen"),
    ("doorbells", 13, 2, "Front Door"),
    ("cameras", 14, 2, "Café"),
    ("cameras", 15, 2, ""),
    ("cameras", 16, 3, "12"),
    ("cameras", 17, 4, "Back/Yard"),
    ("cameras", 18, 2, " Garden "),
    ("cameras", 19, None, "Nowhere"),
    ("cameras", 20, 1, "\u202egnp.\x1b[2J"),
    ("cameras", 21, 1, "a" * 300),
]


def home(
    networks: dict[int, str] = NETWORKS, cameras: list[tuple[str, int, int | None, str]] = CAMERAS
) -> Homescreen:
    answer: dict[str, list[object]] = {
        "networks": [{"id": number, "name": name} for number, name in networks.items()]
    }
    for family, number, network, name in cameras:
        answer.setdefault(family, []).append({"id": number, "network_id": network, "name": name})
    return parse_homescreen(answer)


@pytest.mark.parametrize(
    ("wish", "camera"),
    [
        ("kitchen", 12),
        ("KITCHEN", 12),
        ("  Kitchen ", 12),
        ("garden", 18),
        ("11", 11),
        (" 11 ", 11),
        ("12", 12),
        ("cafe\u0301", 14),
        ("CAFÉ", 14),
        ("house/front door", 11),
        ("COTTAGE/Front Door", 13),
        ("2/front door", 13),
        ("cottage/14", 14),
        ("1/11", 11),
        ("STRASSE/12", 16),
        ("back/yard", 17),
        ("4/back/yard", 17),
        ("house/garage/back/yard", 17),
        ("15", 15),
        ("2/15", 15),
        ("nowhere", 19),
    ],
)
def test_the_camera_that_is_meant_is_found(wish: str, camera: int) -> None:
    """By name whatever its case, its accents' form and the spaces around it; by id, which wins over a name;
    within a network, even where names have slashes."""
    (found,) = find_cameras(home(), [wish])
    assert found.id == camera


@pytest.mark.parametrize(
    "wish", ["", " ", "/", "2/", "/kitchen", "cafe", "cottage/kitchen", "house/13", "9", "1/"]
)
def test_what_nobody_is_called_is_refused(wish: str) -> None:
    """Also what is empty, as a variable that is not set, though a camera has no name; and what is in another
    network."""
    with pytest.raises(UsageError, match="No camera is called"):
        find_cameras(home(), [wish])


def test_what_could_be_two_is_refused_with_both() -> None:
    """With name, id and network of each, and of nobody else."""
    with pytest.raises(UsageError) as caught:
        find_cameras(home(), ["Front door"])
    told = str(caught.value)
    assert "'Front Door' (11, in 'House')" in told
    assert "'Front Door' (13, in 'Cottage')" in told
    assert "id" in told
    assert "12" not in told


def test_a_name_with_a_slash_and_a_camera_in_a_network_can_be_two() -> None:
    """A camera that is called as another one's network and name hides it not."""
    cameras = [*CAMERAS, ("cameras", 30, 2, "House/Kitchen")]
    with pytest.raises(UsageError, match="can be 2 cameras"):
        find_cameras(home(cameras=cameras), ["house/kitchen"])


def test_two_networks_of_one_name_are_no_hindrance() -> None:
    """Where only one of them has such a camera."""
    (found,) = find_cameras(home(NETWORKS | {5: "COTTAGE"}), ["cottage/garden"])
    assert found.id == 18


def test_cameras_of_one_number_are_told_apart_by_their_network() -> None:
    """An owl may have the id of a camera: then the id alone could be two."""
    cameras = [("cameras", 11, 1, "A"), ("owls", 11, 2, "B")]
    with pytest.raises(UsageError, match="can be 2 cameras"):
        find_cameras(home(cameras=cameras), ["11"])
    (found,) = find_cameras(home(cameras=cameras), ["cottage/11"])
    assert found.family == "owl"


@pytest.mark.parametrize("wish", ["fron dor", "house/fron dor"])
def test_the_nearest_names_are_told(wish: str) -> None:
    """And not all of them."""
    with pytest.raises(UsageError) as caught:
        find_cameras(home(), [wish])
    told = str(caught.value)
    assert "The nearest: 'Front Door' (11, in 'House'), 'Front Door' (13, in 'Cottage')." in told
    assert "Kitchen" not in told


def test_where_nothing_is_near_all_are_told() -> None:
    """Harmless to a terminal, short, and not more than fit."""
    with pytest.raises(UsageError) as caught:
        find_cameras(home(), ["xyzzy\x1b[2J"])
    told = str(caught.value)
    assert told.isprintable()
    assert "'Nowhere' (19, in no network)" in told
    assert "a" * 60 not in told
    many = [("cameras", 100 + number, 1, f"Camera {number}") for number in range(25)]
    with pytest.raises(UsageError, match=r"and 5 more"):
        find_cameras(home(cameras=many), ["xyzzy"])
    with pytest.raises(UsageError, match="has none"):
        find_cameras(home(cameras=[]), ["xyzzy"])


def test_each_is_found_once_in_the_order_asked_for() -> None:
    """However often, and by whatever name, it is asked for."""
    found = find_cameras(home(), ["nowhere", "kitchen", "12", "KITCHEN", "11"])
    assert [camera.id for camera in found] == [19, 12, 11]
    assert find_cameras(home(), []) == ()


def test_networks_are_found_alike() -> None:
    """By name or id; refused with the nearest, or with both; each once."""
    assert [network.id for network in find_networks(home(), ["cottage", "1", "House"])] == [2, 1]
    assert [network.id for network in find_networks(home(), ["house/garage"])] == [4]
    with pytest.raises(UsageError, match=r"No network is called 'Cotage'. The nearest: 'Cottage' \(2\)\."):
        find_networks(home(), ["Cotage"])
    with pytest.raises(UsageError, match=r"can be 2 networks: 'House' \(1\), 'HOUSE' \(5\)"):
        find_networks(home(NETWORKS | {5: "HOUSE"}), ["house"])
    with pytest.raises(UsageError, match="No network"):
        find_networks(home(), ["Kitchen"])


def test_a_network_has_a_name() -> None:
    """None where the homescreen does not list it."""
    assert network_name(home(), 2) == "Cottage"
    assert network_name(home(), 99) is None
    assert network_name(home(), None) is None


def test_folding_is_the_same_twice() -> None:
    """So that a folded name is found, too."""
    for name in ("Straße", "CAFE\u0301", "ǰ", "İ", " ΑΣ "):
        assert fold(fold(name)) == fold(name)
