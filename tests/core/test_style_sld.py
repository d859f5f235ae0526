"""core.style_sld: what SLD 1.0 and SE 1.1 documents mean, and what is refused by the name of its element."""

import pytest

from core.errors import BadRequest
from core.style import FLOAT32_MAX, Hillshade, Stop, Style
from core.style_read import read_style

RED, GREEN, BLUE = (255, 0, 0), (0, 128, 0), (0, 0, 255)
ENTRIES = """
    <ColorMapEntry color="#ff0000" quantity="-10.5" label=" basse  terre "/>
    <ColorMapEntry color="#008000" quantity="0" opacity="0.5"/>
    <ColorMapEntry color="#0000FF" quantity="2e3"/>
"""


def sld(symbolizer, rule="", style="<Name>relief</Name><Title>Le relief</Title><Abstract>Vu d'ici</Abstract>"):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <StyledLayerDescriptor version="1.0.0" xmlns="http://www.opengis.net/sld" xmlns:ogc="http://www.opengis.net/ogc"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.opengis.net/sld x.xsd">
      <!-- as GeoServer writes it -->
      <NamedLayer><Name>mnt</Name><UserStyle>{style}<FeatureTypeStyle><Rule>{rule}
        <RasterSymbolizer>{symbolizer}</RasterSymbolizer>
      </Rule></FeatureTypeStyle></UserStyle></NamedLayer>
    </StyledLayerDescriptor>""".encode()


def se(symbolizer):
    return f"""<sld:StyledLayerDescriptor version="1.1.0" xmlns:sld="http://www.opengis.net/sld"
        xmlns:se="http://www.opengis.net/se">
      <sld:UserLayer><se:Name>mnt</se:Name><sld:LayerFeatureConstraints><sld:FeatureTypeConstraint/>
        </sld:LayerFeatureConstraints>
        <sld:UserStyle><se:Description><se:Title>Relief</se:Title></se:Description><sld:IsDefault>1</sld:IsDefault>
        <se:CoverageStyle><se:Rule><se:RasterSymbolizer>{symbolizer}</se:RasterSymbolizer></se:Rule></se:CoverageStyle>
      </sld:UserStyle></sld:UserLayer></sld:StyledLayerDescriptor>""".encode()


def read(symbolizer, **more):
    return read_style(sld(symbolizer, **more), "fichier.sld")


def ramp(kind="", entries=ENTRIES):
    return read(f"<ColorMap{kind}>{entries}</ColorMap>").ramp


def test_names_titles_and_abstracts_are_the_users_styles():
    style = read("")
    assert (style.name, style.title, style.abstract) == ("relief", "Le relief", "Vu d'ici")
    assert read_style(se(""), "f.sld") == Style(name="mnt", title="Relief")


def test_a_name_that_no_url_can_hold_is_the_title_and_gives_way_to_the_next():
    style = read("", style="<Name>Forêts d'été</Name>")
    assert (style.name, style.title) == ("mnt", "Forêts d'été")
    bare = b'<RasterSymbolizer xmlns="http://www.opengis.net/se"><Name>\xc3\xa9</Name></RasterSymbolizer>'
    assert read_style(bare, "dossier/fichier.sld").name == "fichier"


def test_a_ramp_mixes_the_colours_of_its_entries():
    for kind in ("", ' type="ramp"', ' type="ramp" extended="true"'):
        found = ramp(kind)
        assert found.mode == "interpolated"
        assert found.stops == (Stop(-10.5, *RED, 255, "basse terre"), Stop(0, *GREEN, 128), Stop(2000, *BLUE))


def test_an_interval_ends_at_its_quantity_and_nothing_is_shown_after_the_last():
    found = ramp(' type="intervals"')
    assert found.mode == "interval"
    assert found.stops == (
        Stop(-FLOAT32_MAX, *RED, 255, "basse terre"),
        Stop(-10.5, *GREEN, 128),
        Stop(0, *BLUE),
        Stop(2000, 0, 0, 0, 0),
    )


def test_values_are_coloured_exactly():
    found = ramp(' type="values"')
    assert found.mode == "exact"
    assert [stop.value for stop in found.stops] == [-10.5, 0, 2000]


@pytest.mark.parametrize(
    ("belongs", "starts"),
    [
        ("", [-FLOAT32_MAX, 10, 20]),
        (' thresholdsBelongTo="succeeding"', [-FLOAT32_MAX, 10, 20]),
        (' threshholdsBelongTo="preceding"', [-FLOAT32_MAX, 10 + 2**-20, 20 + 2**-19]),  # one bit of a single more
    ],
)
def test_categories_begin_at_their_thresholds_or_just_above(belongs, starts):
    found = read_style(
        se(f"""<se:ColorMap><se:Categorize fallbackValue="#ffffff"{belongs}>
        <se:LookupValue>Rasterdata</se:LookupValue><se:Value>#ff0000</se:Value><se:Threshold>10</se:Threshold>
        <se:Value>#008000</se:Value><se:Threshold>20</se:Threshold><se:Value>#0000ff</se:Value>
        </se:Categorize></se:ColorMap>"""),
        "f.sld",
    ).ramp
    assert found.mode == "interval"
    assert found.stops == tuple(Stop(start, *one) for start, one in zip(starts, (RED, GREEN, BLUE), strict=True))


def test_an_interpolation_mixes_the_colours_of_its_points():
    found = read_style(
        se("""<se:ColorMap><se:Interpolate fallbackValue="#ffffff" mode="linear" method="color">
        <se:LookupValue>Rasterdata</se:LookupValue>
        <se:InterpolationPoint><se:Data>0</se:Data><se:Value>#ff0000</se:Value></se:InterpolationPoint>
        <se:InterpolationPoint><se:Data>1</se:Data><se:Value>#0000ff</se:Value></se:InterpolationPoint>
        </se:Interpolate></se:ColorMap>"""),
        "f.sld",
    ).ramp
    assert (found.mode, found.stops) == ("interpolated", (Stop(0, *RED), Stop(1, *BLUE)))


def channel(colour, band, more=""):
    return f"<{colour}Channel><SourceChannelName>{band}</SourceChannelName>{more}</{colour}Channel>"


STRETCH = """<ContrastEnhancement><Normalize><VendorOption name="algorithm">StretchToMinimumMaximum</VendorOption>
    <VendorOption name="minValue">50</VendorOption><VendorOption name="maxValue">3000.5</VendorOption>
    </Normalize></ContrastEnhancement>"""
RGB = channel("Red", 1, STRETCH), channel("Green", 2), channel("Blue", 3)


def test_channels_are_bands_and_their_limits_the_stretch():
    colours = "".join(channel(colour, band, STRETCH) for colour, band in (("Red", 4), ("Green", 1), ("Blue", 2)))
    style = read(f"<ChannelSelection>{colours}</ChannelSelection>")
    assert (style.bands, style.rescale) == ((4, 1, 2), (50, 3000.5))
    grey = read(f"<ChannelSelection>{channel('Gray', 2)}</ChannelSelection>{STRETCH}")
    assert (grey.bands, grey.rescale) == ((2,), (50, 3000.5))
    shown = read(f"<ChannelSelection>{channel('Gray', 3)}</ChannelSelection><ColorMap>{ENTRIES}</ColorMap>")
    assert (shown.bands, len(shown.ramp.stops)) == ((3,), 3)


def test_a_gamma_of_one_and_an_empty_enhancement_change_nothing():
    assert read("<ContrastEnhancement/>") == read("<ContrastEnhancement><GammaValue>1.0</GammaValue>"
                                                  "</ContrastEnhancement>")  # fmt: skip


def test_shaded_relief_is_light_with_its_factor():
    assert read("<ShadedRelief><ReliefFactor>3</ReliefFactor></ShadedRelief>").relief == Hillshade(z_factor=3)
    qgis = """<ShadedRelief><BrightnessOnly>0</BrightnessOnly><VendorOption name="azimuth">90</VendorOption>
        <VendorOption name="altitude">30</VendorOption></ShadedRelief>"""
    assert read(qgis).relief == Hillshade(azimuth=90, altitude=30)


def test_the_opacity_is_that_of_the_picture_also_as_a_literal():
    assert read("<Opacity>0.25</Opacity>").opacity == 0.25
    assert read("<Opacity><ogc:Literal>0.25</ogc:Literal></Opacity>").opacity == 0.25


@pytest.mark.parametrize(
    ("symbolizer", "told"),
    [
        ("<Glow/>", "Glow in RasterSymbolizer is not known"),
        ("<OverlapBehavior><AVERAGE/></OverlapBehavior>", "OverlapBehavior"),
        ("<ImageOutline><LineSymbolizer/></ImageOutline>", "ImageOutline"),
        ("<Geometry/>", "Geometry"),
        ('<VendorOption name="x">1</VendorOption>', "VendorOption"),
        ("<Opacity>2</Opacity>", "Opacity is 2"),
        ("<Opacity>half</Opacity>", "Opacity has 'half'"),
        ("<Opacity>1</Opacity><Opacity>1</Opacity>", "Opacity stands in RasterSymbolizer twice"),
        ("<Opacity><ogc:PropertyName>x</ogc:PropertyName></Opacity>", "PropertyName in Opacity"),
        ("<ColorMap/>", "has no ColorMapEntry"),
        (f'<ColorMap type="cubic">{ENTRIES}</ColorMap>', "type 'cubic': use ramp, intervals, values"),
        (f'<ColorMap mode="a">{ENTRIES}</ColorMap>', "mode of ColorMap is not known"),
        ("<ColorMap><Entry/></ColorMap>", "Entry in ColorMap"),
        ('<ColorMap><ColorMapEntry quantity="1"/></ColorMap>', "ColorMapEntry has no color"),
        ('<ColorMap><ColorMapEntry color="#fff000"/></ColorMap>', "ColorMapEntry has no quantity"),
        ('<ColorMap><ColorMapEntry color="red" quantity="1"/></ColorMap>', "has colour 'red'"),
        ('<ColorMap><ColorMapEntry color="#ff00é0" quantity="1"/></ColorMap>', "has colour"),
        ('<ColorMap><ColorMapEntry color="#ff0000" quantity="${min}"/></ColorMap>', r"has '\$\{min\}'"),
        ('<ColorMap><ColorMapEntry color="#ff0000" quantity="nan"/></ColorMap>', "has 'nan'"),
        ('<ColorMap><ColorMapEntry color="#ff0000" quantity="1_0"/></ColorMap>', "has '1_0'"),
        ('<ColorMap><ColorMapEntry color="#ff0000" quantity="1" opacity="7"/></ColorMap>', "opacity of ColorMapEntry"),
        (f"<ColorMap>{ENTRIES}{ENTRIES}</ColorMap>", "a stop at -10.5 after 2000"),
        ("<ColorMap><Categorize><Value>#ff0000</Value><Threshold>1</Threshold></Categorize></ColorMap>", "Categorize"),
        ("<ColorMap><Categorize><LookupValue>b1</LookupValue></Categorize></ColorMap>", "LookupValue is 'b1'"),
        ('<ColorMap><Categorize thresholdsBelongTo="x"/></ColorMap>', "thresholdsBelongTo 'x'"),
        ('<ColorMap><Interpolate mode="cubic"/></ColorMap>', "Interpolate has mode 'cubic'"),
        ("<ColorMap><Interpolate/></ColorMap>", "has no InterpolationPoint"),
        ("<ColorMap><Interpolate><InterpolationPoint><Data>1</Data></InterpolationPoint></Interpolate></ColorMap>",
         "InterpolationPoint has Data: give Data and Value"),
        ("<ChannelSelection/>", "ChannelSelection has nothing"),
        (f"<ChannelSelection>{channel('Red', 1)}</ChannelSelection>", "ChannelSelection has RedChannel"),
        (f"<ChannelSelection>{channel('Gray', 'nir')}</ChannelSelection>", "SourceChannelName of GrayChannel is 'nir'"),
        (f"<ChannelSelection>{channel('Gray', 0)}</ChannelSelection>", r"bands \[0\]"),
        (f"<ChannelSelection>{''.join(RGB)}</ChannelSelection>", "differs from channel to channel"),
        ("<ContrastEnhancement><Histogram/></ContrastEnhancement>", "Histogram in ContrastEnhancement"),
        ("<ContrastEnhancement><Normalize/></ContrastEnhancement>", "Normalize has no limits"),
        ("<ContrastEnhancement><GammaValue>2</GammaValue></ContrastEnhancement>", "GammaValue is 2"),
        (f"{STRETCH}<ColorMap>{ENTRIES}</ColorMap>", "ContrastEnhancement beside ColorMap"),
        (STRETCH.replace("Stretch", "Clip"), "VendorOption algorithm is 'ClipToMinimumMaximum'"),
        (STRETCH.replace("3000.5", "5"), r"rescale \[50.0, 5.0\]"),
        (f"<ShadedRelief/><ColorMap>{ENTRIES}</ColorMap>", "ShadedRelief beside ColorMap"),
        ("<ShadedRelief><BrightnessOnly>true</BrightnessOnly></ShadedRelief>", "BrightnessOnly"),
        ("<ShadedRelief><ReliefFactor>0</ReliefFactor></ShadedRelief>", "z factor 0"),
        ('<ShadedRelief><VendorOption name="multidirectional">1</VendorOption></ShadedRelief>', "multidirectional"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_its_element(symbolizer, told):
    with pytest.raises(BadRequest, match=told):
        read(symbolizer)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("<MinScaleDenominator>5</MinScaleDenominator>", "MinScaleDenominator .* drawn at all scales"),
        ("<ogc:Filter/>", "Filter of http://www.opengis.net/ogc is not known"),
        ("<ElseFilter/>", "ElseFilter in Rule is not known"),
        ("<RasterSymbolizer/>", "Rule has 2 of RasterSymbolizer"),
        ("<PolygonSymbolizer/>", "PolygonSymbolizer draws vectors"),
    ],
)
def test_rules_that_draw_not_everywhere_are_refused(rule, told):
    with pytest.raises(BadRequest, match=told):
        read("", rule=rule)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"<qgis/>", "qgis is no SLD"),
        (b'<StyledLayerDescriptor xmlns="urn:x"/>', "is no SLD"),
        (b'<StyledLayerDescriptor xmlns="http://www.opengis.net/sld"/>', "has 0 of NamedLayer or UserLayer"),
        (b'<Rule xmlns="http://www.opengis.net/se"><LineSymbolizer/></Rule>', "LineSymbolizer draws vectors"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><RasterSymbolizer/>', "document type"),
    ],
)
def test_documents_of_another_sort_are_refused(document, told):
    with pytest.raises(BadRequest, match=told):
        read_style(document, "f.sld")
