//! I420 → H.264 access unit. The only door to openh264's encoder.
//!
//! It goes to the C interface directly: the safe wrapper has no way to ask for several slices, and forgets a changed
//! bitrate.

use std::ptr::{self, NonNull};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use openh264_sys2 as sys;
use shared::geometry::VideoSize;

use crate::bitrate::Bitrate;
use crate::picture::I420;
use crate::video::rate_control::quantizer::{FIXED_BITRATE, Qp};

/// Why openh264 cannot do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Beyond H.264's level 5.2.
    #[error("the video encoder takes pictures of up to 3840×2160 (or 2160×3840); {0} is too large")]
    TooLarge(VideoSize),
    /// A call of the codec's failed.
    #[error("openh264 {call} failed: {code}")]
    Codec {
        /// Of its C interface.
        call: &'static str,
        /// What it returned.
        code: i32,
    },
    /// Too many threads.
    #[error("the operating system refuses another thread")]
    Thread,
}

/// What the codec is opened with. Rate control keeps below the ceiling; a quantizer of its own does not.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of every picture.
    pub size: VideoSize,
    /// What the codec's own rate control keeps to.
    pub ceiling: Bitrate,
    /// Frames per second, at most 60.
    pub frame_rate: u32,
    /// One slice is encoded by one thread.
    pub slices: u32,
    /// Smooth the edges of blocks (H.264's deblocking filter). It makes coarse pictures look better; of sharp ones it takes
    /// nothing but time, here and, a quarter of the decoding, at every viewer.
    pub smooth: bool,
}

/// One encoded picture.
pub enum Encoded {
    /// Annex B, ready to send.
    AccessUnit {
        /// The whole access unit.
        data: Bytes,
        /// An IDR picture.
        keyframe: bool,
    },
    /// The codec left this picture out, which is its right; the decoder still shows the one before.
    Skipped,
}

/// An open openh264 encoder.
pub struct H264 {
    encoder: NonNull<sys::ISVCEncoder>,
    calls: &'static sys::ISVCEncoderVtbl,
    size: VideoSize,
    /// What it was opened with, and told since.
    parameters: Box<sys::SEncParamExt>,
    quantizer: Option<Qp>,
    /// 4 kB of pointers that openh264 fills for each frame.
    info: Box<sys::SFrameBSInfo>,
}

// SAFETY: openh264 keeps no thread-local state; the encoder may move between threads, and `&mut self` keeps calls apart.
unsafe impl Send for H264 {}

/// openh264 takes no more frames a second.
const HIGHEST_FRAME_RATE: u32 = 60;
/// A keyframe may be as large as this many mean frames. openh264 aims at it, and misses by a factor of two or so.
const KEYFRAME_TO_MEAN_PERCENT: i32 = 400;
/// H.264 table E-3 to E-5: ITU-R BT.709.
const BT709: u8 = 1;

/// Whether pictures of this size can be encoded.
pub fn check_size(size: VideoSize) -> Result<(), EncodeError> {
    let (width, height) = (size.width(), size.height());
    match width.max(height) > 3840 || width.min(height) > 2160 {
        true => Err(EncodeError::TooLarge(size)),
        false => Ok(()),
    }
}

impl H264 {
    /// A codec whose first frame is a keyframe.
    pub fn open(settings: Settings) -> Result<H264, EncodeError> {
        check_size(settings.size)?;
        let mut raw: *mut sys::ISVCEncoder = ptr::null_mut();
        // SAFETY: openh264 writes a valid encoder into `raw` or fails.
        let code = unsafe { sys::source::APILoader::WelsCreateSVCEncoder(&raw mut raw) };
        let encoder = match (code, NonNull::new(raw)) {
            (0, Some(encoder)) => encoder,
            _ => {
                return Err(EncodeError::Codec {
                    call: "WelsCreateSVCEncoder",
                    code,
                });
            }
        };
        // SAFETY: a made encoder points to its table of functions, which is a constant of the library.
        let calls = unsafe { &**encoder.as_ptr() };
        let mut codec = H264 {
            encoder,
            calls,
            size: settings.size,
            // SAFETY: all-zero is a valid value of this C struct.
            parameters: Box::new(unsafe { std::mem::zeroed() }),
            quantizer: None,
            info: Box::default(),
        };

        // It writes to stderr by itself otherwise.
        codec.set_option(
            "SetOption(TRACE_LEVEL)",
            sys::ENCODER_OPTION_TRACE_LEVEL,
            sys::WELS_LOG_QUIET,
        )?;

        // SAFETY: `parameters` is valid, and openh264 fills it in.
        unsafe {
            let defaults = calls
                .GetDefaultParams
                .ok_or_else(|| missing("GetDefaultParams"))?;
            let code = defaults(codec.encoder.as_ptr(), &raw mut *codec.parameters);
            check("GetDefaultParams", code)?;
        }
        describe(&settings, &mut codec.parameters);
        // SAFETY: the parameters live through the call, which copies them.
        unsafe {
            let initialize = calls
                .InitializeExt
                .ok_or_else(|| missing("InitializeExt"))?;
            check(
                "InitializeExt",
                initialize(codec.encoder.as_ptr(), &raw const *codec.parameters),
            )?;
        }
        Ok(codec)
    }

    /// The next picture becomes a keyframe.
    pub fn force_keyframe(&mut self) {
        if let Some(force) = self.calls.ForceIntraFrame {
            // SAFETY: the encoder is open.
            unsafe { force(self.encoder.as_ptr(), true) };
        }
    }

    /// From the next picture on every one is encoded with this quantizer, whatever it costs; `None` lets rate control
    /// choose again.
    pub fn set_quantizer(&mut self, quantizer: Option<Qp>) -> Result<(), EncodeError> {
        if self.quantizer == quantizer {
            return Ok(());
        }
        if let Some(qp) = quantizer {
            // Nothing else in it differs from what the encoder has, so it only takes over the numbers.
            self.parameters.sSpatialLayers[0].iDLayerQp = qp.into();
            self.parameters.iRCMode = sys::RC_OFF_MODE;
            self.set_option(
                "SetOption(SVC_ENCODE_PARAM_EXT)",
                sys::ENCODER_OPTION_SVC_ENCODE_PARAM_EXT,
                *self.parameters,
            )?;
        }
        if self.quantizer.is_none() || quantizer.is_none() {
            let mode = match quantizer {
                Some(_) => sys::RC_OFF_MODE,
                None => sys::RC_BITRATE_MODE,
            };
            self.set_option("SetOption(RC_MODE)", sys::ENCODER_OPTION_RC_MODE, mode)?;
        }
        self.quantizer = quantizer;
        Ok(())
    }

    /// How often pictures really come: rate control gives each its share of the bitrate.
    pub fn set_frame_rate(&mut self, frame_rate: f32) -> Result<(), EncodeError> {
        let frame_rate = frame_rate.clamp(1.0, HIGHEST_FRAME_RATE as f32);
        self.parameters.fMaxFrameRate = frame_rate;
        self.parameters.sSpatialLayers[0].fFrameRate = frame_rate;
        self.set_option(
            "SetOption(FRAME_RATE)",
            sys::ENCODER_OPTION_FRAME_RATE,
            frame_rate,
        )
    }

    /// `since_start` must grow: rate control counts the bits per time with it.
    pub fn encode(
        &mut self,
        picture: &I420,
        since_start: Duration,
    ) -> Result<Encoded, EncodeError> {
        debug_assert_eq!(picture.size(), self.size);
        let stride = i32::from(self.size.width());
        let source = sys::SSourcePicture {
            iColorFormat: sys::videoFormatI420,
            iStride: [stride, stride / 2, stride / 2, 0],
            // openh264 only reads the planes, though its type says otherwise.
            pData: [
                picture.y().as_ptr().cast_mut(),
                picture.u().as_ptr().cast_mut(),
                picture.v().as_ptr().cast_mut(),
                ptr::null_mut(),
            ],
            iPicWidth: stride,
            iPicHeight: i32::from(self.size.height()),
            uiTimeStamp: i64::try_from(since_start.as_millis()).unwrap_or(i64::MAX),
            ..sys::SSourcePicture::default()
        };
        // SAFETY: the planes are as large as size and stride say, and outlive the call.
        unsafe {
            let encode = self
                .calls
                .EncodeFrame
                .ok_or_else(|| missing("EncodeFrame"))?;
            check(
                "EncodeFrame",
                encode(
                    self.encoder.as_ptr(),
                    &raw const source,
                    &raw mut *self.info,
                ),
            )?;
        }
        let keyframe = match self.info.eFrameType {
            sys::videoFrameTypeSkip => return Ok(Encoded::Skipped),
            sys::videoFrameTypeIDR => true,
            _ => false,
        };
        Ok(match self.access_unit() {
            data if data.is_empty() => Encoded::Skipped,
            data => Encoded::AccessUnit { data, keyframe },
        })
    }

    /// The one copy an encoded frame goes through before it is cut into packets.
    fn access_unit(&self) -> Bytes {
        let layers = usize::try_from(self.info.iLayerNum).unwrap_or(0);
        let layers = self.info.sLayerInfo.iter().take(layers);
        let spans = layers.map(|layer| {
            let nals = usize::try_from(layer.iNalCount).unwrap_or(0);
            // SAFETY: openh264 says how many lengths it wrote, and the NAL units lie one after the other in `pBsBuf`,
            // which is not touched before the next call.
            unsafe {
                let lengths = std::slice::from_raw_parts(layer.pNalLengthInByte, nals);
                let length = lengths
                    .iter()
                    .map(|&length| usize::try_from(length).unwrap_or(0))
                    .sum();
                std::slice::from_raw_parts(layer.pBsBuf, length)
            }
        });
        let mut data = BytesMut::with_capacity(spans.clone().map(<[u8]>::len).sum());
        for span in spans {
            data.extend_from_slice(span);
        }
        data.freeze()
    }

    fn set_option<T>(
        &self,
        call: &'static str,
        option: sys::ENCODER_OPTION,
        mut value: T,
    ) -> Result<(), EncodeError> {
        // SAFETY: each caller passes the type that openh264's header names for the option; it is copied.
        unsafe {
            let set = self.calls.SetOption.ok_or_else(|| missing("SetOption"))?;
            check(
                call,
                set(self.encoder.as_ptr(), option, (&raw mut value).cast()),
            )
        }
    }
}

impl Drop for H264 {
    fn drop(&mut self) {
        // SAFETY: made in `open`, and nobody uses it after this. `Uninitialize` also ends openh264's own threads.
        unsafe {
            if let Some(uninitialize) = self.calls.Uninitialize {
                uninitialize(self.encoder.as_ptr());
            }
            sys::source::APILoader::WelsDestroySVCEncoder(self.encoder.as_ptr());
        }
    }
}

fn describe(settings: &Settings, parameters: &mut sys::SEncParamExt) {
    let (width, height) = (
        i32::from(settings.size.width()),
        i32::from(settings.size.height()),
    );
    let bits = i32::try_from(settings.ceiling.as_bps()).unwrap_or(i32::MAX);
    let frame_rate = settings.frame_rate.clamp(1, HIGHEST_FRAME_RATE) as f32;

    // Screen mode finds scrolled blocks, for twice the time and no fewer bits where they matter.
    parameters.iUsageType = sys::CAMERA_VIDEO_REAL_TIME;
    parameters.iComplexityMode = sys::LOW_COMPLEXITY;
    parameters.iPicWidth = width;
    parameters.iPicHeight = height;
    parameters.fMaxFrameRate = frame_rate;
    parameters.iTargetBitrate = bits;
    parameters.iMaxBitrate = bits;
    parameters.iRCMode = sys::RC_BITRATE_MODE;
    // Rate control keeps a scrolling page at its target by the quantizer alone. Allowed to skip, it pays for a keyframe
    // with seconds of stillness: of 300 frames of scrolling text after one, it leaves out 140 at 720p, 285 at 1080p.
    parameters.bEnableFrameSkip = false;
    parameters.iMinQp = FIXED_BITRATE.finest.into();
    parameters.iMaxQp = FIXED_BITRATE.coarsest.into();
    parameters.iIdrBitrateRatio = KEYFRAME_TO_MEAN_PERCENT;
    // Keyframes come when somebody needs one.
    parameters.uiIntraPeriod = 0;
    // A page that changes altogether is not worth an unasked keyframe.
    parameters.bEnableSceneChangeDetect = false;
    // Made for faces in front of walls; they blur text.
    parameters.bEnableBackgroundDetection = false;
    parameters.bEnableAdaptiveQuant = false;
    parameters.bEnableDenoise = false;
    parameters.bEnableLongTermReference = false;
    parameters.iLoopFilterDisableIdc = i32::from(!settings.smooth);
    parameters.iEntropyCodingModeFlag = 0;
    parameters.eSpsPpsIdStrategy = sys::CONSTANT_ID;
    parameters.iMultipleThreadIdc = u16::try_from(settings.slices).unwrap_or(1);
    parameters.iTemporalLayerNum = 1;
    parameters.iSpatialLayerNum = 1;

    let layer = &mut parameters.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = frame_rate;
    layer.iSpatialBitrate = bits;
    layer.iMaxSpatialBitrate = bits;
    layer.uiProfileIdc = sys::PRO_BASELINE;
    layer.sSliceArgument.uiSliceMode = if settings.slices > 1 {
        sys::SM_FIXEDSLCNUM_SLICE
    } else {
        sys::SM_SINGLE_SLICE
    };
    layer.sSliceArgument.uiSliceNum = settings.slices.max(1);
    // Without these a browser guesses the matrix from the picture's height.
    layer.bVideoSignalTypePresent = true;
    layer.bColorDescriptionPresent = true;
    layer.bFullRange = false;
    layer.uiVideoFormat = 5; // unspecified
    layer.uiColorPrimaries = BT709;
    layer.uiTransferCharacteristics = BT709;
    layer.uiColorMatrix = BT709;
}

fn missing(call: &'static str) -> EncodeError {
    EncodeError::Codec { call, code: -1 }
}

fn check(call: &'static str, code: i32) -> Result<(), EncodeError> {
    match code {
        sys::cmResultSuccess => Ok(()),
        code => Err(EncodeError::Codec { call, code }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::testing::{psnr, text};

    unsafe extern "C" {
        /// openh264's own: which of the processor's instructions its assembly may use; 0 when built without assembly.
        fn WelsCPUFeatureDetect(processors: *mut i32) -> u32;
    }

    #[test]
    fn openh264_was_built_with_its_assembly() {
        let mut processors = 0;
        // SAFETY: a plain C function that writes one integer.
        let features = unsafe { WelsCPUFeatureDetect(&raw mut processors) };
        assert_ne!(
            features, 0,
            "run: apt-get install nasm && cargo clean -p openh264-sys2"
        );
    }

    fn settings(slices: u32) -> Settings {
        Settings {
            size: VideoSize::HD,
            ceiling: Bitrate::kbps(4000),
            frame_rate: 60,
            slices,
            smooth: false,
        }
    }

    #[test]
    fn the_first_frame_is_a_keyframe_and_later_ones_only_on_demand() {
        for slices in [1, 4] {
            let mut codec = H264::open(settings(slices)).unwrap();
            let picture = I420::black(VideoSize::HD);
            let mut kinds = Vec::new();
            for number in 0..6 {
                if number == 4 {
                    codec.force_keyframe();
                }
                let at = Duration::from_millis(number * 17);
                if let Encoded::AccessUnit { keyframe, data } = codec.encode(&picture, at).unwrap()
                {
                    assert_eq!(&data[..4], [0, 0, 0, 1]);
                    kinds.push(keyframe);
                }
            }
            assert_eq!(kinds, [true, false, false, false, true, false]);
        }
    }

    #[test]
    fn no_frame_of_a_restless_page_is_left_out_and_the_ceiling_holds() {
        let mut codec = H264::open(settings(1)).unwrap();
        let mut picture = I420::black(VideoSize::HD);
        let (mut bytes, mut frames) = (0, 0);
        for number in 0..180usize {
            // Sharp edges everywhere, moved on by 8 rows each time.
            let stride = picture.stride();
            for (index, pixel) in picture.planes_mut().0.iter_mut().enumerate() {
                let (x, y) = (index % stride, index / stride + number * 8);
                let cell = (x / 5).wrapping_mul(2_654_435_761) ^ (y / 7).wrapping_mul(40_503);
                *pixel = if cell >> 7 & 3 == 0 { 30 } else { 235 };
            }
            let at = Duration::from_micros(16_667 * number as u64);
            if let Encoded::AccessUnit { data, keyframe } = codec.encode(&picture, at).unwrap() {
                frames += 1;
                bytes += if keyframe { 0 } else { data.len() };
            }
        }
        assert_eq!(frames, 180);
        let mean = bytes as f64 * 8.0 / 3.0;
        assert!(mean < 1.3 * 4e6, "{mean}");
    }

    #[test]
    fn a_fine_quantizer_makes_the_picture_exact_and_rate_control_goes_on_after_it() {
        use openh264::formats::YUVSource;
        let mut codec = H264::open(settings(1)).unwrap();
        let mut decoder = openh264::decoder::Decoder::new().unwrap();
        let mut number = 0;
        let mut show = |codec: &mut H264, picture: &I420| {
            number += 1;
            let at = Duration::from_millis(17 * number);
            let Encoded::AccessUnit { data, keyframe } = codec.encode(picture, at).unwrap() else {
                panic!("a picture was left out");
            };
            let shown = decoder.decode(&data).unwrap().expect("a picture");
            (
                data.len(),
                keyframe,
                psnr(shown.y(), shown.strides().0, picture),
            )
        };
        for step in 0..60 {
            show(&mut codec, &text(step * 4));
        }
        let (_, _, moving) = show(&mut codec, &text(240));
        let mut sizes = Vec::new();
        for qp in [26, 18, 10] {
            codec.set_quantizer(Some(qp)).unwrap();
            let (bytes, keyframe, psnr) = show(&mut codec, &text(240));
            assert!(!keyframe);
            sizes.push((qp, bytes, psnr));
        }
        let (_, _, exact) = sizes[2];
        assert!(exact >= 48.0, "moving {moving:.1} dB, then {sizes:?}");
        let (nothing, ..) = show(&mut codec, &text(240));
        assert!(
            nothing < 12_000,
            "{nothing} bytes for what is shown already"
        );
        codec.set_quantizer(None).unwrap();
        let mut bytes = 0;
        for step in 0..60 {
            let (length, keyframe, _) = show(&mut codec, &text(240 + step * 4));
            assert!(!keyframe);
            bytes += length;
        }
        assert!(
            bytes * 8 < 6_000_000,
            "{bytes} bytes in a second, {sizes:?}"
        );
        eprintln!("moving {moving:.1} dB, then {sizes:?}, then {bytes}");
    }

    #[test]
    fn a_picture_beyond_the_level_is_refused_with_its_size() {
        let size = VideoSize::new(4096, 2160).unwrap();
        let refused = H264::open(Settings {
            size,
            ..settings(1)
        });
        assert_eq!(refused.err(), Some(EncodeError::TooLarge(size)));
    }
}
